"""`grus clif settings`: every setting of a compilation, with its value, default and meaning."""

from __future__ import annotations

import argparse
import json
from typing import Any

from grus.backend.settings import SHARED, Setting, Settings
from grus.host import cpu
from grus.host.machine import ROWS_OF_SETTINGS, TARGET

_EPILOG = """\
Settings are written NAME=VALUE, a flag also NAME alone; `--set` of all commands, the `set` and
`target` lines of .clif files take them so. A preset switches on several CPU features at once.

examples:
  grus clif settings                          everything, with defaults
  grus clif settings opt_level tls_model      some of it
  grus clif settings --set haswell --changed  what a preset means
  grus clif settings --native --json          for programs, with the features of this CPU
"""


def settings_command(argv: list[str]) -> int:
    """List settings. Raises SettingsError for a name or value that there is not."""
    parser = argparse.ArgumentParser(
        prog="grus clif settings",
        description="List the settings of the code generator: shared ones, then the target's.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these settings or presets")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME[=VALUE]",
        help="set a value, or enable a flag or preset, before listing (any number of times)",
    )  # fmt: skip
    parser.add_argument("--native", action="store_true", help="enable the features of this CPU")
    parser.add_argument("--changed", action="store_true", help="only values that are no default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    settings = TARGET.settings()
    if given.native:
        enable_native(settings)
    for text in given.set:
        settings.parse(text)
    for name in given.names:
        if name not in settings.presets:
            settings.text(name)
    groups = {"shared": SHARED, TARGET.name: ROWS_OF_SETTINGS}
    chosen = {
        title: [
            row
            for row in rows
            if (not given.names or row.name in given.names)
            and (not given.changed or settings.values[row.name] != row.default)
        ]
        for title, rows in groups.items()
    }
    presets = {
        name: flags
        for name, flags in settings.presets.items()
        if (name in given.names if given.names else not given.changed)
    }
    if given.json:
        print(json.dumps(_as_json(chosen, presets, settings), indent=1))
        return 0
    blank = False
    for title, rows in chosen.items():
        if rows:
            _heading(f"{title} settings", blank)
            blank = True
            print(_line("name", "value", "default", "meaning"))
        for row in rows:
            default = _text(row, row.default)
            print(_line(row.name, settings.text(row.name), default, row.doc + _values(row)))
    if presets:
        _heading(f"{TARGET.name} presets", blank)
        for name, flags in presets.items():
            print(f"  {name:16} {' '.join(flags) or '(no feature)'}")
    return 0


def enable_native(settings: Settings) -> None:
    """Enable the features that this machine's processor has."""
    for row in ROWS_OF_SETTINGS:
        if cpu.has(row.name.removeprefix("has_")):
            settings.enable(row.name)


def _heading(text: str, blank: bool) -> None:
    print(f"{chr(10) if blank else ''}{text}:")


def _line(name: str, value: str, default: str, meaning: str) -> str:
    return f"  {name:44} {value:12} {default:12} {meaning}"


def _text(row: Setting, value: int) -> str:
    if row.values:
        return row.values[value]
    return ("false", "true")[value] if row.kind() == "bool" else str(value)


def _values(row: Setting) -> str:
    """What the row takes, when it is no flag."""
    if row.values:
        return f" ({' | '.join(row.values)})"
    return "" if row.kind() == "bool" else f" ({row.minimum} to {row.maximum})"


def _as_json(
    groups: dict[str, list[Setting]], presets: dict[str, tuple[str, ...]], settings: Settings
) -> dict[str, Any]:
    made: dict[str, Any] = {"target": TARGET.name}
    for title, rows in groups.items():
        made["shared" if title == "shared" else "target_settings"] = [
            _row_json(row, settings) for row in rows
        ]
    made["presets"] = {name: list(flags) for name, flags in presets.items()}
    return made


def _row_json(row: Setting, settings: Settings) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": row.name,
        "kind": row.kind(),
        "value": _json_value(row, settings.values[row.name]),
        "default": _json_value(row, row.default),
        "description": row.doc,
    }
    if row.values:
        made["values"] = list(row.values)
    elif row.kind() == "num":
        made["minimum"], made["maximum"] = row.minimum, row.maximum
    return made


def _json_value(row: Setting, value: int) -> str | bool | int:
    if row.values:
        return row.values[value]
    return bool(value) if row.kind() == "bool" else value
