"""`grus clif opt`."""

from __future__ import annotations

import sys

from grus.base import trace
from grus.cli.clif import CommandError, options_of, read_file
from grus.ir import verifier
from grus.ir.printer import print_function
from grus.opt import pipeline, simplify

_RULES_SHOWN = 40
_EXAMPLES = """\
  grus clif opt f.clif
  grus clif opt f.clif --level speed_and_size --rule-stats
  grus clif opt f.clif --passes resolve,control,gvn,dce --print-after gvn
"""


def opt_command(argv: list[str]) -> int:
    """Optimize the functions of files and print them."""
    options = options_of("opt", "Optimize functions and print them.", _EXAMPLES)
    options.add_argument("files", nargs="+", metavar="FILE", help="a .clif file; - is stdin")
    options.add_argument(
        "--level", default="speed", choices=list(pipeline.LEVELS), help="default: speed"
    )
    options.add_argument("--passes", metavar="NAME,...", help="these passes instead, in order")
    options.add_argument("--list-passes", action="store_true", help="name the passes and levels")
    options.add_argument(
        "--print-after", action="append", default=[], metavar="PASS", help="show what it leaves"
    )
    options.add_argument("--time-passes", action="store_true", help="how long each took")
    options.add_argument("--rule-stats", action="store_true", help="which rules fired how often")
    options.add_argument(
        "--disable-rule", action="append", default=[], metavar="NAME", help="leave a rule out"
    )
    if "--list-passes" in argv:
        for name, row in pipeline.PASSES.items():
            print(f"{name:12} requires {', '.join(sorted(row.requires)) or 'nothing'}")
        for level, names in pipeline.LEVELS.items():
            print(f"{level}: {' '.join(names)}")
        return 0
    given = options.parse_args(argv)
    passes = tuple(given.passes.split(",")) if given.passes else pipeline.LEVELS[given.level]
    pipeline.check(passes)
    if given.disable_rule:
        simplify.use_rules(simplify.load_rules(frozenset(given.disable_rule)))
    trace.time_passes = given.time_passes
    trace.print_after.update(given.print_after)
    first = True
    for name in given.files:
        for function in read_file(name).functions:
            func = function.func
            verifier.check(func)
            pipeline.run_passes(func, {}, passes)
            errors = verifier.verify(func)
            if errors:
                raise CommandError(f"{func.name} is not valid after optimization: {errors[0]}")
            if not first:
                print()
            first = False
            print(print_function(func), end="")
    if given.time_passes:
        for name, seconds in trace.pass_times.items():
            print(f"{1000 * seconds:10.2f} ms  {name}", file=sys.stderr)
    if given.rule_stats:
        fired = sorted(simplify.rule_stats(), key=lambda row: -row[1])
        for rule, count in fired[:_RULES_SHOWN]:
            if count:
                print(f"{count:8} {rule}", file=sys.stderr)
    return 0
