"""The rewrite rules of the simplifier. `docs/rules.md` says how to write one."""
