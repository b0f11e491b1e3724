"""Prove the rewrite rules, or lowering: `python -m tools.prove [--lowering] [--all] [--check]
[--timeout MS] [NAME ...]`.

Only what has no proof in the file of proofs (`grus/opt/rules/proofs.txt`, with `--lowering`
`grus/backend/x64/proofs.txt`) is proved, and the file is written. `--all` proves everything anew,
names only those. `--check` proves nothing: it says which proofs are missing. Needs z3 (`pip install
z3-solver`), except for `--check`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from grus.opt import prove
from grus.opt.lang import measure
from grus.opt.rules.base import all_rules


class Claim:
    """Something to prove: `prove(timeout)` gives the verdict, `key` is the digest of it."""

    def __init__(
        self, name: str, where: str, key: str, proof: Callable[[int], prove.Verdict]
    ) -> None:
        self.name = name
        self.where = where
        self.key = key
        self.prove = proof


def rewrites() -> list[Claim]:
    """The rules of the simplifier."""
    base = prove.meanings_digest()
    claims = []
    for rule in all_rules().rules:
        measure.check(rule)
        key = prove.digest(rule, base)
        claims.append(Claim(rule.name, rule.where, key, lambda ms, r=rule: prove.prove(r, ms)))
    return claims


def lowerings() -> list[Claim]:
    """The integer rules of x64, and its integer opcodes."""
    from grus.backend.x64 import prove as x64

    base = x64.meanings_digest()
    claims = []
    for one in x64.subjects():
        one.lower()
        claims.append(
            Claim(one.name, one.where, one.digest(base), lambda ms, s=one: x64.prove(s, ms))
        )
    return claims


def lowering_path() -> Path:
    from grus.backend.x64 import prove as x64

    return x64.PATH


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.prove", description=__doc__)
    parser.add_argument("--lowering", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--timeout", type=int, default=4000, help="for each query, milliseconds")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    claims = lowerings() if arguments.lowering else rewrites()
    path = lowering_path() if arguments.lowering else prove.PATH
    order = [claim.name for claim in claims]
    known = prove.remembered(path)
    wrong = 0
    begun = saved = time.monotonic()
    for claim in claims:
        wanted = claim.name in arguments.names if arguments.names else arguments.all
        if not wanted and (arguments.names or known.get(claim.name, ("", ""))[0] == claim.key):
            continue
        if arguments.check:
            print(f"{claim.where}: {claim.name} is not proved")
            wrong += 1
            continue
        start = time.monotonic()
        verdict = claim.prove(arguments.timeout)
        took = time.monotonic() - start
        if verdict.status != prove.PROVED or took > 5 or arguments.names:
            print(f"{claim.where}: {claim.name}: {verdict.status} {verdict.why} ({took:.1f} s)")
            sys.stdout.flush()
        if verdict.status == prove.REFUTED:
            known.pop(claim.name, None)
            wrong += 1
        else:
            known[claim.name] = (claim.key, verdict.status)
            if time.monotonic() - saved > 20:
                saved = time.monotonic()
                prove.remember(known, order, path)
    if not arguments.check:
        prove.remember(known, order, path)
    counts = Counter([known[name][1] for name in order if name in known])
    kind = "lowerings" if arguments.lowering else "rules"
    found = ", ".join([f"{n} {word}" for word, n in counts.items()])
    print(f"{len(claims)} {kind}: {found} ({time.monotonic() - begun:.0f} s)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
