"""Numbers and structures of wasi_snapshot_preview1, as `wasi/api.h` of wasi-libc has them."""

from __future__ import annotations

import errno as host_errno
import stat
from struct import Struct

ERRORS = (
    "SUCCESS", "2BIG", "ACCES", "ADDRINUSE", "ADDRNOTAVAIL", "AFNOSUPPORT", "AGAIN", "ALREADY",
    "BADF", "BADMSG", "BUSY", "CANCELED", "CHILD", "CONNABORTED", "CONNREFUSED", "CONNRESET",
    "DEADLK", "DESTADDRREQ", "DOM", "DQUOT", "EXIST", "FAULT", "FBIG", "HOSTUNREACH", "IDRM",
    "ILSEQ", "INPROGRESS", "INTR", "INVAL", "IO", "ISCONN", "ISDIR", "LOOP", "MFILE", "MLINK",
    "MSGSIZE", "MULTIHOP", "NAMETOOLONG", "NETDOWN", "NETRESET", "NETUNREACH", "NFILE", "NOBUFS",
    "NODEV", "NOENT", "NOEXEC", "NOLCK", "NOLINK", "NOMEM", "NOMSG", "NOPROTOOPT", "NOSPC",
    "NOSYS", "NOTCONN", "NOTDIR", "NOTEMPTY", "NOTRECOVERABLE", "NOTSOCK", "NOTSUP", "NOTTY",
    "NXIO", "OVERFLOW", "OWNERDEAD", "PERM", "PIPE", "PROTO", "PROTONOSUPPORT", "PROTOTYPE",
    "RANGE", "ROFS", "SPIPE", "SRCH", "STALE", "TIMEDOUT", "TXTBSY", "XDEV", "NOTCAPABLE",
)  # fmt: skip
"""Names of the error numbers 0, 1, 2, ..."""

AGAIN = ERRORS.index("AGAIN")
BADF = ERRORS.index("BADF")
FAULT = ERRORS.index("FAULT")
INVAL = ERRORS.index("INVAL")
IO = ERRORS.index("IO")
ISDIR = ERRORS.index("ISDIR")
LOOP = ERRORS.index("LOOP")
MFILE = ERRORS.index("MFILE")
NAMETOOLONG = ERRORS.index("NAMETOOLONG")
NOENT = ERRORS.index("NOENT")
NOTCAPABLE = ERRORS.index("NOTCAPABLE")
NOTDIR = ERRORS.index("NOTDIR")
NOTSOCK = ERRORS.index("NOTSOCK")
NOTSUP = ERRORS.index("NOTSUP")
PERM = ERRORS.index("PERM")
ROFS = ERRORS.index("ROFS")
SPIPE = ERRORS.index("SPIPE")

_FROM_HOST = {
    getattr(host_errno, f"E{name}"): number
    for number, name in enumerate(ERRORS)
    if hasattr(host_errno, f"E{name}")
}


class WasiError(Exception):
    """A function of WASI failed with an error number of `ERRORS`; never seen outside."""

    def __init__(self, number: int) -> None:
        super().__init__(ERRORS[number])
        self.number = number


def from_host(error: OSError) -> int:
    """The error number for an exception of the operating system."""
    return _FROM_HOST.get(error.errno or 0, IO)


# Rights: what a descriptor may be used for.
FD_DATASYNC = 1 << 0
FD_READ = 1 << 1
FD_SEEK = 1 << 2
FD_FDSTAT_SET_FLAGS = 1 << 3
FD_SYNC = 1 << 4
FD_TELL = 1 << 5
FD_WRITE = 1 << 6
FD_ADVISE = 1 << 7
FD_ALLOCATE = 1 << 8
PATH_CREATE_DIRECTORY = 1 << 9
PATH_CREATE_FILE = 1 << 10
PATH_LINK_SOURCE = 1 << 11
PATH_LINK_TARGET = 1 << 12
PATH_OPEN = 1 << 13
FD_READDIR = 1 << 14
PATH_READLINK = 1 << 15
PATH_RENAME_SOURCE = 1 << 16
PATH_RENAME_TARGET = 1 << 17
PATH_FILESTAT_GET = 1 << 18
PATH_FILESTAT_SET_SIZE = 1 << 19
PATH_FILESTAT_SET_TIMES = 1 << 20
FD_FILESTAT_GET = 1 << 21
FD_FILESTAT_SET_SIZE = 1 << 22
FD_FILESTAT_SET_TIMES = 1 << 23
PATH_SYMLINK = 1 << 24
PATH_REMOVE_DIRECTORY = 1 << 25
PATH_UNLINK_FILE = 1 << 26
POLL_FD_READWRITE = 1 << 27

PATH_CHANGES = (
    PATH_CREATE_DIRECTORY | PATH_CREATE_FILE | PATH_LINK_SOURCE | PATH_LINK_TARGET
    | PATH_RENAME_SOURCE | PATH_RENAME_TARGET | PATH_FILESTAT_SET_SIZE | PATH_FILESTAT_SET_TIMES
    | PATH_SYMLINK | PATH_REMOVE_DIRECTORY | PATH_UNLINK_FILE
)  # fmt: skip
FD_CHANGES = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES
CHANGES = PATH_CHANGES | FD_CHANGES
"""Rights to change something on the host. A link is a second name, from which the file can be
changed, so its source counts."""

STREAM_RIGHTS = FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE
FILE_RIGHTS = (
    FD_READ | FD_SEEK | FD_TELL | FD_DATASYNC | FD_SYNC | FD_ADVISE | FD_CHANGES | STREAM_RIGHTS
)
DIRECTORY_RIGHTS = (
    PATH_OPEN | FD_READDIR | PATH_READLINK | PATH_FILESTAT_GET | PATH_CHANGES | FD_FILESTAT_GET
    | FD_FILESTAT_SET_TIMES | FD_FDSTAT_SET_FLAGS | FD_SYNC | FD_DATASYNC
)  # fmt: skip

# Types of files.
UNKNOWN = 0
BLOCK_DEVICE = 1
CHARACTER_DEVICE = 2
DIRECTORY = 3
REGULAR_FILE = 4
SOCKET_STREAM = 6
SYMBOLIC_LINK = 7

_FILE_TYPES = {
    stat.S_IFBLK: BLOCK_DEVICE,
    stat.S_IFCHR: CHARACTER_DEVICE,
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFREG: REGULAR_FILE,
    stat.S_IFSOCK: SOCKET_STREAM,
    stat.S_IFLNK: SYMBOLIC_LINK,
}


def file_type(mode: int) -> int:
    """The type of a file with this `st_mode`."""
    return _FILE_TYPES.get(stat.S_IFMT(mode), UNKNOWN)


# Flags of a descriptor.
APPEND = 1 << 0
DSYNC = 1 << 1
NONBLOCK = 1 << 2
RSYNC = 1 << 3
SYNC = 1 << 4

# Flags of path_open.
CREAT = 1 << 0
DIRECTORY_ONLY = 1 << 1
EXCL = 1 << 2
TRUNC = 1 << 3

SYMLINK_FOLLOW = 1

# Which times to set.
ATIM = 1 << 0
ATIM_NOW = 1 << 1
MTIM = 1 << 2
MTIM_NOW = 1 << 3

# Clocks.
REALTIME = 0
MONOTONIC = 1
PROCESS_CPUTIME = 2
THREAD_CPUTIME = 3

# Events.
EVENT_CLOCK = 0
EVENT_READ = 1
EVENT_WRITE = 2
ABSOLUTE_TIME = 1
HANGUP = 1

U32 = Struct("<I")
U64 = Struct("<Q")
IOVEC = Struct("<II")  # address, length
PRESTAT = Struct("<B3xI")  # tag, length of the name
FDSTAT = Struct("<BxH4xQQ")  # type, flags, rights, inheriting
FILESTAT = Struct("<QQB7xQQQQQ")  # device, inode, type, links, size, access, modification, change
DIRENT = Struct("<QQIB3x")  # next cookie, inode, length of the name, type
SUBSCRIPTION = Struct("<QB39x")  # user data, kind of event
SUBSCRIPTION_CLOCK = Struct("<16xI4xQQH6x")  # clock, time, precision, flags
SUBSCRIPTION_FD = Struct("<16xI28x")  # descriptor
EVENT = Struct("<QHB5xQH6x")  # user data, error, kind, bytes, flags

# Where wasi_unstable differs: links are 32 bits, and a clock has user data of its own.
FILESTAT_UNSTABLE = Struct("<QQB3xIQQQQ")
SUBSCRIPTION_UNSTABLE = Struct("<QB47x")
SUBSCRIPTION_CLOCK_UNSTABLE = Struct("<24xI4xQQH6x")
SUBSCRIPTION_FD_UNSTABLE = Struct("<16xI36x")
