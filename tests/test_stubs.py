"""The stub of the compiled module says what the module has."""

from __future__ import annotations

import subprocess
import sys


def test_the_stub_of_the_compiled_module_matches_the_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "svcc._native", "--concise"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
