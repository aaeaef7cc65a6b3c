"""nftables through the program nft."""

from __future__ import annotations

import collections
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Sequence
from typing import Any, Final

from svcc.apply.dormancy import dormant_table
from svcc.apply.generation import generation
from svcc.apply.session import UNCERTAIN, NftError, nft_error, table_objects
from svcc.errors import TargetError

__all__ = ["Program", "open_program"]

_REMEMBERED_PROCESSES: Final = 64
_MISSING: Final = "No such file or directory"
_PLACES: Final = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where nft lies, and users' search paths often do not lead."""
_VERSION_PATIENCE_SECONDS: Final = 30


class Program:
    """A session in which each script and listing is a process of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._processes: collections.deque[int] = collections.deque(maxlen=_REMEMBERED_PROCESSES)
        self.name = f"nft {self._version()} (program)"

    @property
    def process_ids(self) -> Collection[int]:
        """The latest processes."""
        return tuple(self._processes)

    def run(self, script: str, *, check: bool = False) -> None:
        """See `svcc.apply.session.Nft.run`."""
        before = generation()
        status, _output, told = self._ran(("-c",) if check else (), "-f", "-", script=script)
        if status == 0:
            return
        error = _error(status, told, script)
        # Whoever ends nft by a signal does not know how far it got.
        if (error.errno in UNCERTAIN or status < 0) and not check:
            error.is_uncertain = generation() != before
        raise error

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """See `svcc.apply.session.Nft.list_table`."""
        if (dormant := dormant_table(family, name, self._json)) is not None:
            return dormant
        text = self._json(f"list table {family} {name}")
        return None if text is None else table_objects(text, family, name, self.list_text)

    def list_text(self, family: str, name: str) -> str | None:
        """See `svcc.apply.session.Nft.list_text`."""
        return self._listing((), f"list table {family} {name}")

    def _json(self, command: str) -> str | None:
        return self._listing(("-j",), command)

    def _listing(self, flags: Sequence[str], command: str) -> str | None:
        status, output, told = self._ran(flags, *command.split())
        if status == 0 and output:
            return output
        error = _error(status, told, command)
        if status > 0 and (error.words == _MISSING or error.words.endswith(f": {_MISSING}")):
            return None
        raise error

    def _ran(self, flags: Sequence[str], *arguments: str, script: str = "") -> tuple[int, str, str]:
        process = self._started([*self._command, *flags, *arguments])
        with process:
            self._processes.append(process.pid)
            output, told = process.communicate(script.encode(errors="surrogateescape"))
        return process.returncode, output.decode(errors="replace"), told.decode(errors="replace")

    @staticmethod
    def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        try:
            environment = {**os.environ, "LC_ALL": "C"}
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        except OSError as error:
            raise TargetError(f"{command[0]} cannot be run: {error.strerror or error}") from None

    def _version(self) -> str:
        try:
            result = subprocess.run(
                [*self._command, "--version"],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_VERSION_PATIENCE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"{self._command[0]} cannot be run: {error}") from None
        found = re.search(r"v(\d+(?:\.\d+)+)", result.stdout)
        return found[1] if found else "of unknown version"

    def close(self) -> None:
        """Nothing outlives a call."""


def open_program() -> Program | None:
    """The program nft; None if it is not installed.

    Raises:
        TargetError: it cannot be run.
    """
    path = shutil.which("nft") or shutil.which("nft", path=_PLACES)
    return None if path is None else Program((path,))


def _error(status: int, told: str, script: str) -> NftError:
    if status < 0:
        return NftError(f"nft was ended by signal {-status}", script=script)
    return nft_error(told or f"nft failed with {status}", script)
