"""How the process of a command begins and ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from svcc import _interrupted


def ran(program: str, *arguments: str) -> tuple[int, list[str]]:
    """The exit code of a Python program and what it printed."""
    # What is not flushed must get out, too.
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, env=environment)
    return done.returncode, done.stdout.splitlines()


def test_a_command_imports_no_other() -> None:
    program = (
        "import sys\n"
        "from svcc.cli import run\n"
        "run(['audit', '-h'])\n"
        "print(*(name for name in ('apply', 'audit', 'dns', 'node') if f'svcc.cli.{name}' in sys.modules))"
    )
    assert ran(program)[1][-1] == "audit"


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["audit"], 2)])
def test_what_is_to_be_done_at_exit_is_done_once_and_behind_the_output(arguments: list[str], code: int) -> None:
    program = "import atexit\nfrom svcc.cli import main\natexit.register(print, 'bye')\nprint('first')\nmain()"
    returned, printed = ran(program, *arguments)
    assert (returned, printed[0], printed[-1], printed.count("bye")) == (code, "first", "bye", 1)


def test_the_process_ends_when_its_other_threads_have() -> None:
    program = (
        "import threading\n"
        "from svcc.cli import main\n"
        "threading.Thread(target=lambda: (threading.main_thread().join(), print('done'))).start()\n"
        "main()"
    )
    returned, printed = ran(program, "--version")
    assert (returned, printed[-1]) == (0, "done")


@pytest.mark.parametrize("arguments", [["-m", "svcc"], ["-msvcc"], ["-Bm", "svcc"], ["-W", "error", "-sBmsvcc"]])
def test_the_module_is_run_however_python_is_told_to(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, *arguments, "--version"], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout[:4], done.stderr) == (0, "svcc", "")


@pytest.mark.parametrize(
    ("arguments", "is_command"),
    [
        (["python", "-m", "svcc", "audit"], True),
        (["python", "-msvcc"], True),
        (["python", "-BIm", "svcc"], True),
        (["python", "-X", "dev", "-m", "svcc"], True),
        (["python", "-m", "tool", "-m", "svcc"], False),
        (["python", "-Wmodule", "-m", "tool"], False),
        (["python", "-m"], False),
    ],
)
def test_whoever_runs_another_module_decides_what_an_interrupt_does(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, is_command: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "orig_argv", arguments)
    assert _interrupted._is_command() is is_command
