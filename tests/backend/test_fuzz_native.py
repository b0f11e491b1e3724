"""A few seeds of the comparison of machine code with the interpreter, in processes of their own."""

from __future__ import annotations

import subprocess
import sys


def test_some_seeds() -> None:
    command = [sys.executable, "-m", "grus.testing.fuzz_native", "7000", "21", "--batch", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "21 seeds" in done.stdout and " 0 failed" in done.stdout


def test_a_crash_is_a_finding_and_the_batch_goes_on() -> None:
    script = (
        "import os, signal, sys\n"
        "from grus.testing import fuzz_native as f\n"
        "real = f.run_one\n"
        "def run_one(seed, *rest):\n"
        "    if seed == 4:\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    return 'differs' if seed == 6 else 'ok'\n"
        "f.run_one = run_one\n"
        "sys.exit(f.main(['0', '10', '--batch', '5']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "seed 4: ended by SIGSEGV" in done.stdout
    assert "seed 6: differs" in done.stdout
    assert "10 seeds" in done.stdout and "2 failed" in done.stdout and "8 ok" in done.stdout
