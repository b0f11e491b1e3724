"""Prove the rewrite rules: `python -m tools.prove [--all] [--check] [--timeout MS] [NAME ...]`.

Only rules whose proof is not in `grus/opt/rules/proofs.txt` are proved, and the file is written.
`--all` proves every rule anew, names only those. `--check` proves nothing: it says which proofs are
missing. Needs z3 (`pip install z3-solver`), except for `--check`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from grus.opt import prove
from grus.opt.lang import measure
from grus.opt.rules.base import all_rules


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.prove", description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--timeout", type=int, default=4000, help="for each query, milliseconds")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    rules = all_rules().rules
    base = prove.meanings_digest()
    known = prove.remembered()
    wrong = 0
    saved = time.monotonic()
    for rule in rules:
        measure.check(rule)
        key = prove.digest(rule, base)
        wanted = rule.name in arguments.names if arguments.names else arguments.all
        if not wanted and (arguments.names or known.get(rule.name, ("", ""))[0] == key):
            continue
        if arguments.check:
            print(f"{rule.where}: {rule.name} is not proved")
            wrong += 1
            continue
        start = time.monotonic()
        verdict = prove.prove(rule, arguments.timeout)
        took = time.monotonic() - start
        if verdict.status != prove.PROVED or took > 5 or arguments.names:
            print(f"{rule.where}: {rule.name}: {verdict.status} {verdict.why} ({took:.1f} s)")
            sys.stdout.flush()
        if verdict.status == prove.REFUTED:
            known.pop(rule.name, None)
            wrong += 1
        else:
            known[rule.name] = (key, verdict.status)
            if time.monotonic() - saved > 20:
                saved = time.monotonic()
                prove.remember(known, [rule.name for rule in rules])
    if not arguments.check:
        prove.remember(known, [rule.name for rule in rules])
    counts = Counter([known[rule.name][1] for rule in rules if rule.name in known])
    print(f"{len(rules)} rules: " + ", ".join([f"{n} {word}" for word, n in counts.items()]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
