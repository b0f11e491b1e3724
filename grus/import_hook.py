"""Import WebAssembly modules as Python modules, for those who ask for it.

    import grus.import_hook

    grus.import_hook.install({"env": {"log": print}})
    import primes  # primes.wasm or primes.wat, where primes.py would be found

    primes.main(100)

Exports are attributes of the module, but for names that begin with two underscores; `__wasm__` is
the `grus.Instance`. What a module imports comes
from the mapping given to `install`, or from another WebAssembly module that is found under that
name. Never from Python modules: a file could take what it wants (`os.system`). WASI is given with
`wasi=grus.WasiConfig(...)`; `_initialize` is called then, as for any reactor.

Python files win over WebAssembly files of the same name, `.wasm` over `.wat`. The modules of one
hook share a store, so they can use each other's memories and functions; it lives as long as one of
its modules is used.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from grus.base.errors import GrusError
from grus.engine.instance import Instance
from grus.engine.module import Module
from grus.engine.store import Store
from grus.wasi.config import WasiConfig
from grus.wasi.program import Wasi

_SUFFIXES: Final = (".wasm", ".wat")


class Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads modules; `uninstall` ends that. See `install`."""

    def __init__(
        self,
        imports: Mapping[str, Mapping[str, Any]] | None,
        wasi: WasiConfig | None,
        store: Store | None,
    ) -> None:
        self.imports: dict[str, Mapping[str, Any]] = dict(imports or {})
        self.store = store if store is not None else Store()
        if wasi is not None:
            self.imports |= Wasi(wasi).imports(self.store)

    def uninstall(self) -> None:
        """Find no more modules. Those that are imported stay as they are."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    # ---- what the import system calls ----

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The file of a module on its package's path, or on `sys.path`."""
        name = fullname.rpartition(".")[2]
        for directory in sys.path if path is None else path:
            for suffix in _SUFFIXES:
                file = Path(directory or ".", name + suffix)
                if file.is_file():
                    return importlib.util.spec_from_file_location(fullname, file, loader=self)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual module object."""

    def exec_module(self, module: ModuleType) -> None:
        """Compile, link and start; fill in the exports. Raises ImportError."""
        name, file = module.__name__, str(module.__file__)
        try:
            compiled = Module.from_file(file, self.store.engine)
            package = name.rpartition(".")[0]
            needed = list(dict.fromkeys([i.module for i in compiled.imports]))
            imports = {key: self._provider(key, package) for key in needed}
            instance = Instance(compiled, imports, self.store)
        except GrusError as error:
            raise ImportError(f"{file}: {error}", name=name, path=file) from error
        names = [export.name for export in compiled.exports]
        names = [n for n in names if not n.startswith("__")]  # those are the import system's
        module.__dict__.update({n: instance.exports[n] for n in names})
        module.__dict__["__all__"] = names
        module.__dict__["__wasm__"] = instance
        if "_initialize" in instance.exports:
            instance.exports["_initialize"]()

    def _provider(self, key: str, package: str) -> Mapping[str, Any]:
        """What a module gets for imports of the module `key`."""
        if key in self.imports:
            return self.imports[key]
        if key and all([part.isidentifier() for part in key.split(".")]):
            for name in (f"{package}.{key}" if package else key, key):
                module = sys.modules.get(name)
                if module is None and self._is_wasm(name):
                    module = importlib.import_module(name)
                instance = getattr(module, "__wasm__", None)
                if instance is not None and instance.store is self.store:
                    return {export.name: instance.exports[export.name]
                            for export in instance.module.exports}  # fmt: skip
        return {}

    def _is_wasm(self, name: str) -> bool:
        """Whether importing a module would come here: asked before anything is run."""
        parent, _, _ = name.rpartition(".")
        if parent and parent not in sys.modules:
            return False
        spec = importlib.util.find_spec(name)
        return spec is not None and spec.loader is self


def install(
    imports: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    wasi: WasiConfig | None = None,
    store: Store | None = None,
) -> Hook:
    """From now on `import` finds `.wasm` and `.wat` files too.

    `imports` are what modules may import, as for `grus.Instance`; `store` is theirs, a new one by
    default. Gives the hook, for `uninstall`. Several hooks may be installed; the first wins.
    """
    hook = Hook(imports, wasi, store)
    sys.meta_path.append(hook)
    return hook
