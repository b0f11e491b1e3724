"""For all tests: Ctrl-C works also where the shell has made SIGINT ignored (a job in the
background), for tests send it to themselves; and commands use no cache but where a test says so."""

import os
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("GRUS_CACHE", "0")
