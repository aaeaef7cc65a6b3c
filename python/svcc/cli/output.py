"""Data goes to stdout, talk to stderr; colour never carries meaning alone."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Any

import click

from svcc.fields import Problem, Severity

__all__ = ["Talk", "json_lines", "version", "write_data"]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_PROGRESS_AFTER_SECONDS = 1.0


def version() -> str:
    """The version of the installed distribution."""
    return metadata.version("svcc")


def write_data(lines: Iterable[str]) -> None:
    """Write data to stdout in large pieces; nothing is written before the first piece is complete."""
    sys.stdout.write("".join(lines))
    sys.stdout.flush()


def json_lines(document: Any, *, levels: int) -> Iterator[str]:
    """A JSON document with its outer `levels` indented, deeper ones on one line: quick to write and good to diff."""
    yield from _indented(document, levels, "\n")
    yield "\n"


def _indented(value: Any, levels: int, newline: str) -> Iterator[str]:
    if not levels or not value or not isinstance(value, dict | list):
        yield json.dumps(value)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = f"{newline}  "
    separator = opening
    for key, item in value.items() if isinstance(value, dict) else ((None, item) for item in value):
        yield f"{separator}{inner}" if key is None else f"{separator}{inner}{json.dumps(key)}: "
        yield from _indented(item, levels - 1, inner)
        separator = ","
    yield f"{newline}{closing}"


class Talk:
    """What svcc says to a person: problems, notices and progress, all on stderr."""

    def __init__(self, *, quiet: bool = False, verbose: int = 0, color: str = "auto") -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._color = _wants_color(color)

    def problems(self, problems: Iterable[Problem]) -> None:
        """Each problem on a line: place, severity, object, the server's words. Notices need ``-v``."""
        for problem in problems:
            if not self.quiet and (problem.severity is not Severity.INFO or self.verbose):
                click.echo(self.painted(problem), err=True)

    def painted(self, problem: Problem) -> str:
        """A problem as one line of text."""
        place = f"{problem.source}: " if problem.source else ""
        subject = f"{problem.object}: " if problem.object else ""
        word = self._paint(f"{problem.severity.value}:", _COLOURS[problem.severity])
        return f"{place}{word} {subject}{problem.message()}"

    def say(self, message: str) -> None:
        """Something worth saying unless ``--quiet``."""
        if not self.quiet:
            click.echo(message, err=True)

    def detail(self, message: str) -> None:
        """Something worth saying under ``-v``."""
        if self.verbose:
            self.say(message)

    def error(self, message: str, *, hint: str | None = None) -> None:
        """What ends the command; said even under ``--quiet``."""
        click.echo(f"{self._paint('error:', 'red')} {message}", err=True)
        if hint:
            click.echo(f"{self._paint('hint:', 'cyan')} {hint}", err=True)

    def _paint(self, text: str, color: str) -> str:
        return click.style(text, fg=color, bold=True) if self._color else text

    @contextlib.contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """Show `what` is under way, on a terminal and only once it has taken a second."""
        quiet = self.quiet or os.environ.get("CI") or os.environ.get("NO_PROGRESS") or not sys.stderr.isatty()
        if quiet:
            yield
            return
        line = f"{what} ..."
        shown = threading.Event()

        def show() -> None:
            shown.set()
            sys.stderr.write(line)
            sys.stderr.flush()

        timer = threading.Timer(_PROGRESS_AFTER_SECONDS, show)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if shown.is_set():
                sys.stderr.write(f"\r{' ' * len(line)}\r")
                sys.stderr.flush()


def _wants_color(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
