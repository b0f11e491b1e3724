"""`grus cache`: the cache of machine code."""

from __future__ import annotations

import argparse


def cache_command(arguments: list[str]) -> int:
    """Print what is in the cache, empty it, or print where it is."""
    parser = argparse.ArgumentParser(
        prog="grus cache",
        description="The cache of machine code. Its directory is the environment's GRUS_CACHE "
        "(0: no cache), else grus in XDG_CACHE_HOME, else ~/.cache/grus.",
    )
    parser.add_argument("action", choices=["info", "clear", "path"],
                        help="info: what is in it; clear: remove all entries; "
                        "path: its directory")  # fmt: skip
    options = parser.parse_args(arguments)
    from grus.base.errors import GrusError
    from grus.engine.cache import Cache, default_path

    path = default_path()
    if not path:
        raise GrusError("caching is turned off (GRUS_CACHE)")
    cache = Cache(path)
    if options.action == "path":
        print(cache.path)
    elif options.action == "clear":
        print(f"{cache.clear()} entries removed")
    else:
        info = cache.info()
        print(f"path     {info.path}")
        print(f"entries  {info.entries}")
        print(f"bytes    {info.bytes} of {info.limit}")
    return 0
