"""Running svcc as users do: inside this process, which is quick, or as the program that is installed."""

from __future__ import annotations

import contextlib
import gc
import io
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from attrs import frozen

from svcc.cli import run

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("svcc")


@frozen
class Outcome:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


def svcc(*arguments: str, stdin: str | bytes = b"") -> Outcome:
    """Run a command in this process, with its own standard streams; a traceback would be raised here."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors) for errors in ("strict", "replace"))
    collecting = gc.isenabled()
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(data))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = run(list(arguments))
        finally:
            # A process that runs one command needs no collection of garbage; this one goes on.
            if collecting:
                gc.enable()
        out.flush()
        err.flush()
    return Outcome(code, _text(out), _text(err))


def program(
    *arguments: str | bytes, stdin: bytes = b"", environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> Outcome:
    """Run the installed program."""
    result = subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        timeout=60,
        check=False,
    )
    return Outcome(
        result.returncode,
        result.stdout.decode("utf-8", "surrogateescape"),
        result.stderr.decode("utf-8", "backslashreplace"),
    )


def _text(stream: io.TextIOWrapper) -> str:
    raw = stream.buffer
    if not isinstance(raw, io.BytesIO):
        raise TypeError(raw)
    return raw.getvalue().decode()
