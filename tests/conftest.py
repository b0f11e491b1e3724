"""For all tests: Ctrl-C works also where the shell has made SIGINT ignored (a job in the
background), for tests send it to themselves."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
