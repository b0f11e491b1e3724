"""Where compiled rules are kept: `grus/_gen/NAME.py`, made anew when the hash of the rule sources
changes. The compiler itself (`matcher.py`) is imported only then. In an installed package they were
made by its build, and are used as they are."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType

from grus.base.build import built
from grus.opt.lang.terms import RuleSet


def load(
    name: str, sources: Callable[[], list[str]], rules: Callable[[], RuleSet], lowering: bool
) -> ModuleType:
    """The compiled matchers of a set: the cached module if it is of the files that `sources` names,
    else made anew.

    `rules` imports and traces the rules; it is not called when the cache is good.
    """
    if built() is not None:
        return importlib.import_module(f"grus._gen.{name}")
    import hashlib
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    files = [Path(file) for file in [*sources(), *_own_sources()]]
    texts = [file.read_bytes() for file in files if file.exists()]
    wanted = hashlib.sha256(b"".join(texts)).hexdigest()[:32]
    folder = Path(__file__).resolve().parent.parent.parent / "_gen"
    path = folder / f"{name}.py"
    if not path.exists() or f'DIGEST = "{wanted}"' not in path.read_text():
        from grus.opt.lang.matcher import source

        text = source(rules(), lowering, wanted)
        try:
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(text)
            os.replace(temporary, path)
        except OSError:
            return _module(name, text)
    spec = spec_from_file_location(f"grus._gen.{name}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[f"grus._gen.{name}"] = module
    spec.loader.exec_module(module)
    return module


def made(rules: RuleSet, lowering: bool) -> ModuleType:
    """The compiled matchers of a set, made anew and not kept."""
    from grus.opt.lang.matcher import source

    return _module(rules.name, source(rules, lowering, ""))


def _module(name: str, text: str) -> ModuleType:
    """A module of which the text is not kept (a read-only checkout, a set for this run only)."""
    module = ModuleType(f"grus._gen.{name}")
    exec(compile(text, f"<grus._gen.{name}>", "exec"), module.__dict__)
    return module


def _own_sources() -> list[str]:
    here = os.path.dirname(os.path.realpath(__file__))
    names = ("cache.py", "terms.py", "infer.py", "measure.py", "matcher.py", "../../ir/opcodes.py")
    return [os.path.join(here, name) for name in names]


def disabled_rules() -> frozenset[str]:
    """Names of rules in the environment variable GRUS_DISABLE_RULES, separated by commas; those of
    lowering begin with the name of their target (`x64:lea_scaled`)."""
    names = os.environ.get("GRUS_DISABLE_RULES", "")
    return frozenset([name.strip() for name in names.split(",") if name.strip()])
