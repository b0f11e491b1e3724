"""The functions of wasi_snapshot_preview1."""

from __future__ import annotations

import os
import select
import stat
import time

from grus.wasi import paths, poll
from grus.wasi import types as T
from grus.wasi.descriptors import (
    ALL_FLAGS,
    Descriptor,
    Directory,
    File,
    first_bytes,
    host_flags,
)
from grus.wasi.errors import ExitStatus
from grus.wasi.memory import GuestMemory
from grus.wasi.types import WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from grus.wasi.program import Wasi

SIGNATURES = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "ili",
    "fd_advise": "illi",
    "fd_allocate": "ill",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "ill",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "il",
    "fd_filestat_set_times": "illi",
    "fd_pread": "iiili",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiili",
    "fd_read": "iiii",
    "fd_readdir": "iiili",
    "fd_renumber": "ii",
    "fd_seek": "isii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiilli",
    "path_link": "iiiiiii",
    "path_open": "iiiiillii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "sched_yield": "",
    "random_get": "ii",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}
"""Parameters of each function: i is an unsigned 32-bit number, l an unsigned and s a signed 64-bit
number. All give an error number but proc_exit, which gives nothing. Buffers, arrays and paths are
an address and a length; results are written to the addresses that come last."""

_RANDOM_CHUNK = 1 << 20
_MASK_64 = (1 << 64) - 1


class Functions:
    """The functions for one instance, whose memory is `memory`, of the program `wasi`.

    They raise WasiError or OSError for what goes wrong.
    """

    __slots__ = ("memory", "table", "wasi")

    whence: tuple[int, ...] = (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END)
    filestat = T.FILESTAT
    subscriptions = poll.Layout(T.SUBSCRIPTION, T.SUBSCRIPTION_CLOCK, T.SUBSCRIPTION_FD)

    def __init__(self, wasi: Wasi, memory: GuestMemory) -> None:
        self.wasi = wasi
        self.table = wasi.table
        self.memory = memory

    # ---- arguments and environment ----

    def args_get(self, array: int, buffer: int) -> None:
        self._strings(self.wasi.arguments, array, buffer)

    def args_sizes_get(self, count: int, size: int) -> None:
        self._sizes(self.wasi.arguments, count, size)

    def environ_get(self, array: int, buffer: int) -> None:
        self._strings(self.wasi.environment, array, buffer)

    def environ_sizes_get(self, count: int, size: int) -> None:
        self._sizes(self.wasi.environment, count, size)

    def _strings(self, strings: list[bytes], array: int, buffer: int) -> None:
        pointers = self.memory.view(array, 4 * len(strings))
        data = b"".join(strings)
        self.memory.view(buffer, len(data))[:] = data
        for index, string in enumerate(strings):
            T.U32.pack_into(pointers, 4 * index, buffer)
            buffer += len(string)

    def _sizes(self, strings: list[bytes], count: int, size: int) -> None:
        T.U32.pack_into(self.memory.view(count, 4), 0, len(strings))
        T.U32.pack_into(self.memory.view(size, 4), 0, sum(map(len, strings)))

    # ---- clocks, chance, the end ----

    def clock_res_get(self, clock: int, result: int) -> None:
        if clock not in poll.CLOCKS:
            raise WasiError(T.INVAL)
        T.U64.pack_into(self.memory.view(result, 8), 0, 1)

    def clock_time_get(self, clock: int, precision: int, result: int) -> None:
        now = poll.CLOCKS.get(clock)
        if now is None:
            raise WasiError(T.INVAL)
        T.U64.pack_into(self.memory.view(result, 8), 0, now())

    def poll_oneoff(self, subscriptions: int, events: int, count: int, result: int) -> None:
        layout = self.subscriptions
        poll.poll_oneoff(self.wasi, self.memory, layout, subscriptions, events, count, result)

    def random_get(self, buffer: int, size: int) -> None:
        view = self.memory.view(buffer, size)
        for at in range(0, size, _RANDOM_CHUNK):
            part = view[at : at + _RANDOM_CHUNK]
            part[:] = os.urandom(len(part))
            self.wasi.check_time()

    def proc_exit(self, code: int) -> NoReturn:
        raise ExitStatus(code)

    def proc_raise(self, signal: int) -> None:
        raise WasiError(T.NOTSUP)

    def sched_yield(self) -> None:
        time.sleep(0)

    # ---- descriptors ----

    def fd_advise(self, fd: int, offset: int, size: int, advice: int) -> None:
        if advice > 5:
            raise WasiError(T.INVAL)
        os.posix_fadvise(self._file(fd, T.FD_ADVISE).fileno(), offset, size, _ADVICE[advice])

    def fd_allocate(self, fd: int, offset: int, size: int) -> None:
        os.posix_fallocate(self._file(fd, T.FD_ALLOCATE).fileno(), offset, size)

    def fd_close(self, fd: int) -> None:
        self.table.close(fd)

    def fd_datasync(self, fd: int) -> None:
        os.fdatasync(self._host(fd, T.FD_DATASYNC))

    def fd_sync(self, fd: int) -> None:
        os.fsync(self._host(fd, T.FD_SYNC))

    def fd_fdstat_get(self, fd: int, result: int) -> None:
        out = self.memory.view(result, T.FDSTAT.size)
        it = self.table.get(fd)
        T.FDSTAT.pack_into(out, 0, it.kind, it.flags, it.rights, it.inheriting)

    def fd_fdstat_set_flags(self, fd: int, flags: int) -> None:
        if flags & ~ALL_FLAGS:
            raise WasiError(T.INVAL)
        self.table.get(fd, T.FD_FDSTAT_SET_FLAGS).set_flags(flags)

    def fd_fdstat_set_rights(self, fd: int, rights: int, inheriting: int) -> None:
        it = self.table.get(fd)
        if rights & ~it.rights or inheriting & ~it.inheriting:
            raise WasiError(T.NOTCAPABLE)
        it.rights, it.inheriting = rights, inheriting

    def fd_filestat_get(self, fd: int, result: int) -> None:
        out = self.memory.view(result, self.filestat.size)
        it = self.table.get(fd, T.FD_FILESTAT_GET)
        status = it.stat()
        if status is None:
            self.filestat.pack_into(out, 0, 0, 0, it.kind, 0, 0, 0, 0, 0)
        else:
            self._put_status(out, status)

    def fd_filestat_set_size(self, fd: int, size: int) -> None:
        os.ftruncate(self._file(fd, T.FD_FILESTAT_SET_SIZE, T.INVAL).fileno(), size)

    def fd_filestat_set_times(self, fd: int, access: int, modification: int, which: int) -> None:
        host = self._host(fd, T.FD_FILESTAT_SET_TIMES)
        os.utime(host, ns=_times(os.fstat(host), access, modification, which))

    def fd_read(self, fd: int, buffers: int, count: int, result: int) -> None:
        out = self.memory.view(result, 4)
        views = self.memory.views(buffers, count)
        it = self.table.get(fd, T.FD_READ)
        self.wasi.wait(it, select.POLLIN)
        T.U32.pack_into(out, 0, it.read(views))

    def fd_write(self, fd: int, buffers: int, count: int, result: int) -> None:
        out = self.memory.view(result, 4)
        views = self.memory.views(buffers, count)
        it = self.table.get(fd, T.FD_WRITE)
        if self.wasi.wait(it, select.POLLOUT):
            T.U32.pack_into(out, 0, it.write(first_bytes(views, select.PIPE_BUF)))
        else:
            T.U32.pack_into(out, 0, it.write(views))

    def fd_pread(self, fd: int, buffers: int, count: int, offset: int, result: int) -> None:
        out = self.memory.view(result, 4)
        views = self.memory.views(buffers, count)
        host = self._file(fd, T.FD_READ | T.FD_SEEK).fileno()
        T.U32.pack_into(out, 0, os.preadv(host, views, offset))

    def fd_pwrite(self, fd: int, buffers: int, count: int, offset: int, result: int) -> None:
        """In append mode the data goes to the end, as Linux has it."""
        out = self.memory.view(result, 4)
        views = self.memory.views(buffers, count)
        host = self._file(fd, T.FD_WRITE | T.FD_SEEK).fileno()
        T.U32.pack_into(out, 0, os.pwritev(host, views, offset))

    def fd_seek(self, fd: int, offset: int, whence: int, result: int) -> None:
        out = self.memory.view(result, 8)
        if whence >= len(self.whence):
            raise WasiError(T.INVAL)
        base = self.whence[whence]
        # Asking where one is takes only the lesser right.
        right = T.FD_SEEK if offset or base != os.SEEK_CUR else T.FD_TELL
        T.U64.pack_into(out, 0, os.lseek(self._file(fd, right).fileno(), offset, base))

    def fd_tell(self, fd: int, result: int) -> None:
        self.fd_seek(fd, 0, self.whence.index(os.SEEK_CUR), result)

    def fd_prestat_get(self, fd: int, result: int) -> None:
        out = self.memory.view(result, T.PRESTAT.size)
        T.PRESTAT.pack_into(out, 0, 0, len(self._preopen(fd)))

    def fd_prestat_dir_name(self, fd: int, buffer: int, size: int) -> None:
        name = self._preopen(fd)
        if size < len(name):
            raise WasiError(T.NAMETOOLONG)
        self.memory.view(buffer, len(name))[:] = name

    def fd_readdir(self, fd: int, buffer: int, size: int, cookie: int, result: int) -> None:
        out = self.memory.view(result, 4)
        view = self.memory.view(buffer, size)
        entries = self._directory(fd, T.FD_READDIR).entries(again=cookie == 0)
        at = 0
        # The last entry may be cut off; less than a full buffer says that there are no more.
        while cookie < len(entries) and at < size:
            name, inode, kind = entries[cookie]
            cookie += 1
            data = (T.DIRENT.pack(cookie, inode, len(name), kind) + name)[: size - at]
            view[at : at + len(data)] = data
            at += len(data)
        T.U32.pack_into(out, 0, at)

    def fd_renumber(self, fd: int, to: int) -> None:
        self.table.renumber(fd, to)

    def _host(self, fd: int, right: int) -> int:
        """The host's descriptor of a file or directory."""
        it = self.table.get(fd, right)
        if not isinstance(it, File | Directory):
            raise WasiError(T.INVAL)
        return it.fileno()

    def _file(self, fd: int, right: int, otherwise: int = T.SPIPE) -> File:
        """A file. `otherwise` is the error for a stream, which has no positions."""
        it = self.table.get(fd)
        if isinstance(it, Directory):
            raise WasiError(T.BADF)
        if not isinstance(it, File):
            raise WasiError(otherwise)
        self.table.get(fd, right)
        return it

    def _directory(self, fd: int, right: int) -> Directory:
        it = self.table.get(fd)
        if not isinstance(it, Directory):
            raise WasiError(T.NOTDIR)
        self.table.get(fd, right)
        return it

    def _preopen(self, fd: int) -> bytes:
        it = self.table.get(fd)
        if not isinstance(it, Directory) or it.name is None:
            raise WasiError(T.BADF)
        return it.name

    # ---- paths ----

    def _place(self, fd: int, right: int, path: int, size: int, mode: int) -> paths.Place:
        name = self.memory.path(path, size)
        return paths.resolve(self._directory(fd, right).fileno(), name, mode)

    def path_create_directory(self, fd: int, path: int, size: int) -> None:
        with self._place(fd, T.PATH_CREATE_DIRECTORY, path, size, paths.ENTRY) as place:
            os.mkdir(place.name, dir_fd=place.fd)

    def path_filestat_get(self, fd: int, lookup: int, path: int, size: int, result: int) -> None:
        out = self.memory.view(result, self.filestat.size)
        with self._place(fd, T.PATH_FILESTAT_GET, path, size, _mode(lookup)) as place:
            self._put_status(out, os.stat(place.name, dir_fd=place.fd, follow_symlinks=False))

    def path_filestat_set_times(
        self, fd: int, lookup: int, path: int, size: int, access: int, modification: int, which: int
    ) -> None:
        with self._place(fd, T.PATH_FILESTAT_SET_TIMES, path, size, _mode(lookup)) as place:
            old = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
            times = _times(old, access, modification, which)
            os.utime(place.name, ns=times, dir_fd=place.fd, follow_symlinks=False)

    def path_link(
        self, fd: int, lookup: int, old: int, old_size: int, new_fd: int, new: int, new_size: int
    ) -> None:
        with (
            self._place(fd, T.PATH_LINK_SOURCE, old, old_size, _mode(lookup)) as source,
            self._place(new_fd, T.PATH_LINK_TARGET, new, new_size, paths.ENTRY) as target,
        ):
            os.link(
                source.name,
                target.name,
                src_dir_fd=source.fd,
                dst_dir_fd=target.fd,
                follow_symlinks=False,
            )

    def path_open(
        self,
        fd: int,
        lookup: int,
        path: int,
        size: int,
        how: int,
        rights: int,
        inheriting: int,
        flags: int,
        result: int,
    ) -> None:
        """Of the rights asked for, only those to read and to write matter, as programs expect;
        the others are those of the directory."""
        out = self.memory.view(result, 4)
        if how & ~(T.CREAT | T.DIRECTORY_ONLY | T.EXCL | T.TRUNC) or flags & ~ALL_FLAGS:
            raise WasiError(T.INVAL)
        right = T.PATH_OPEN
        host = host_flags(flags) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY | os.O_NONBLOCK
        if how & T.CREAT:
            right |= T.PATH_CREATE_FILE
            host |= os.O_CREAT
        if how & T.TRUNC:
            right |= T.PATH_FILESTAT_SET_SIZE
            host |= os.O_TRUNC
        if how & T.EXCL:
            host |= os.O_EXCL
        if how & T.DIRECTORY_ONLY:
            host |= os.O_DIRECTORY
        if how & T.CREAT and how & T.DIRECTORY_ONLY:
            raise WasiError(T.INVAL)
        wanted = rights & (T.FD_READ | T.FD_WRITE)
        directory = self._directory(fd, right)
        if wanted & ~directory.inheriting:
            raise WasiError(T.NOTCAPABLE)
        if wanted & T.FD_WRITE:
            if directory.read_only:
                raise WasiError(T.ROFS)
            host |= os.O_RDWR if wanted & T.FD_READ else os.O_WRONLY
        mode = _mode(lookup) if not (how & T.CREAT and how & T.EXCL) else paths.NO_FOLLOW
        name = self.memory.path(path, size)
        if how & T.CREAT and name.endswith(b"/"):
            mode = paths.ENTRY
        with paths.resolve(directory.fileno(), name, mode) as place:
            if mode == paths.ENTRY:
                raise WasiError(T.ISDIR)
            opened = os.open(place.name, host, 0o666, dir_fd=place.fd)
        try:
            it = _opened(opened, directory, wanted, flags)
            T.U32.pack_into(out, 0, self.table.add(it))
        except BaseException:
            os.close(opened)
            raise

    def path_readlink(
        self, fd: int, path: int, size: int, buffer: int, room: int, result: int
    ) -> None:
        out = self.memory.view(result, 4)
        view = self.memory.view(buffer, room)
        with self._place(fd, T.PATH_READLINK, path, size, paths.NO_FOLLOW) as place:
            data = os.readlink(place.name, dir_fd=place.fd)[:room]
        view[: len(data)] = data
        T.U32.pack_into(out, 0, len(data))

    def path_remove_directory(self, fd: int, path: int, size: int) -> None:
        with self._place(fd, T.PATH_REMOVE_DIRECTORY, path, size, paths.ENTRY) as place:
            os.rmdir(place.name, dir_fd=place.fd)

    def path_rename(
        self, fd: int, old: int, old_size: int, new_fd: int, new: int, new_size: int
    ) -> None:
        with (
            self._place(fd, T.PATH_RENAME_SOURCE, old, old_size, paths.ENTRY) as source,
            self._place(new_fd, T.PATH_RENAME_TARGET, new, new_size, paths.ENTRY) as target,
        ):
            os.rename(source.name, target.name, src_dir_fd=source.fd, dst_dir_fd=target.fd)

    def path_symlink(self, text: int, text_size: int, fd: int, path: int, size: int) -> None:
        target = self.memory.path(text, text_size)
        if target.startswith(b"/"):
            raise WasiError(T.PERM)
        if b"\0" in target:
            raise WasiError(T.INVAL)
        with self._place(fd, T.PATH_SYMLINK, path, size, paths.ENTRY) as place:
            os.symlink(target, place.name, dir_fd=place.fd)

    def path_unlink_file(self, fd: int, path: int, size: int) -> None:
        with self._place(fd, T.PATH_UNLINK_FILE, path, size, paths.ENTRY) as place:
            os.unlink(place.name, dir_fd=place.fd)

    def _put_status(self, out: memoryview, it: os.stat_result) -> None:
        self.filestat.pack_into(
            out,
            0,
            it.st_dev,
            it.st_ino,
            T.file_type(it.st_mode),
            it.st_nlink,
            it.st_size,
            it.st_atime_ns & _MASK_64,
            it.st_mtime_ns & _MASK_64,
            it.st_ctime_ns & _MASK_64,
        )

    # ---- sockets: none can be given to a program ----

    def sock_accept(self, fd: int, flags: int, result: int) -> None:
        self._no_socket(fd)

    def sock_recv(
        self, fd: int, buffers: int, count: int, flags: int, result: int, result_flags: int
    ) -> None:
        self._no_socket(fd)

    def sock_send(self, fd: int, buffers: int, count: int, flags: int, result: int) -> None:
        self._no_socket(fd)

    def sock_shutdown(self, fd: int, how: int) -> None:
        self._no_socket(fd)

    def _no_socket(self, fd: int) -> NoReturn:
        self.table.get(fd)
        raise WasiError(T.NOTSOCK)


class UnstableFunctions(Functions):
    """The same of wasi_unstable, the version before, which differs in structures and seeking."""

    __slots__ = ()

    whence = (os.SEEK_CUR, os.SEEK_END, os.SEEK_SET)
    filestat = T.FILESTAT_UNSTABLE
    subscriptions = poll.Layout(
        T.SUBSCRIPTION_UNSTABLE, T.SUBSCRIPTION_CLOCK_UNSTABLE, T.SUBSCRIPTION_FD_UNSTABLE
    )


def _opened(fd: int, parent: Directory, wanted: int, flags: int) -> Descriptor:
    """The descriptor for what was opened below `parent`, with O_NONBLOCK so as not to wait."""
    mode = os.fstat(fd).st_mode
    it: Descriptor
    if stat.S_ISDIR(mode):
        it = Directory(fd, T.DIRECTORY_RIGHTS & parent.inheriting, parent.inheriting)
    else:
        rights = T.FILE_RIGHTS & ~(T.FD_READ | T.FD_WRITE) | wanted
        it = File(fd, rights & parent.inheriting, mode)
        if not flags & T.NONBLOCK:
            os.set_blocking(fd, True)
    it.flags = flags
    it.read_only = parent.read_only
    return it


def _mode(lookup: int) -> int:
    if lookup & ~T.SYMLINK_FOLLOW:
        raise WasiError(T.INVAL)
    return paths.FOLLOW if lookup else paths.NO_FOLLOW


def _times(old: os.stat_result, access: int, modification: int, which: int) -> tuple[int, int]:
    """Times of access and modification, in nanoseconds, after setting what `which` says."""
    both_access, both_modification = T.ATIM | T.ATIM_NOW, T.MTIM | T.MTIM_NOW
    if which & ~(both_access | both_modification):
        raise WasiError(T.INVAL)
    if which & both_access == both_access or which & both_modification == both_modification:
        raise WasiError(T.INVAL)
    now = time.time_ns()
    return (
        access if which & T.ATIM else now if which & T.ATIM_NOW else old.st_atime_ns,
        modification if which & T.MTIM else now if which & T.MTIM_NOW else old.st_mtime_ns,
    )


_ADVICE = (
    os.POSIX_FADV_NORMAL,
    os.POSIX_FADV_SEQUENTIAL,
    os.POSIX_FADV_RANDOM,
    os.POSIX_FADV_WILLNEED,
    os.POSIX_FADV_DONTNEED,
    os.POSIX_FADV_NOREUSE,
)
