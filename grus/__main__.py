"""`python -m grus`: the command line."""

import sys

from grus.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
