"""Data goes to stdout, talk to stderr; colour never carries meaning alone."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from svcc.fields import Problem, Severity, reading_order

__all__ = [
    "Talk",
    "json_lines",
    "make_folder",
    "replace_file",
    "replace_files",
    "terminal_width",
    "version",
    "write_data",
    "write_file",
]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_PROGRESS_AFTER_SECONDS = 1.0
_BAR = 30
_PIECE = 1 << 20


def version() -> str:
    """The version of the installed distribution."""
    # Only here: this reads mail, for which a tenth of what every command needs is imported.
    from importlib import metadata  # noqa: PLC0415

    return metadata.version("svcc")


def write_data(lines: Iterable[str]) -> None:
    """Write data to stdout; nothing is written before all of it is there.

    What stdout's encoding cannot express, as in names of files, is escaped.

    Raises:
        OSError: stdout is closed, or refuses.
    """
    text = "".join(lines)
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    for start in range(0, len(text), _PIECE):  # each is encoded, and that of all at once would be as large again
        piece = text[start : start + _PIECE]
        try:
            sys.stdout.write(piece)
        except UnicodeEncodeError as error:
            sys.stdout.write(piece.encode(error.encoding, "backslashreplace").decode(error.encoding))
    sys.stdout.flush()


def terminal_width(stream: TextIO | None) -> int | None:
    """The columns of the terminal that a stream leads to; None of files and pipes, where lines may be of any length."""
    return shutil.get_terminal_size().columns if stream is not None and stream.isatty() else None


def write_file(path: Path, text: str) -> None:
    """Write a file; what UTF-8 cannot express is escaped.

    Raises:
        OSError: it cannot be written; the file is named, also where the disk is full.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def replace_file(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all: nobody sees half of it, and its permissions and links stay.

    Raises:
        OSError: it cannot be written; the file is named.
    """
    replace_files({path: data})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files as wholes: none is changed before all lie ready beside those that they replace.

    Raises:
        OSError: one cannot be written, which is named; unless it is the last step that fails, none was changed.
    """
    ready: list[tuple[Path, Path, Path]] = []
    path = Path()
    try:
        for path, data in contents.items():
            target = Path(os.path.realpath(path))
            descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            ready.append((path, Path(name), target))
            _fill(descriptor, data, like=target)
        for path, temporary, target in ready:  # noqa: B007  (the one that fails is named)
            temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        for _path, temporary, _target in ready:
            temporary.unlink(missing_ok=True)


def _fill(descriptor: int, data: bytes, *, like: Path) -> None:
    """Write an open file to the disk, with the permissions of another if that exists."""
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        if like.exists():
            mode = stat.S_IMODE(like.stat().st_mode)
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.fchmod(stream.fileno(), mode)


def make_folder(folder: Path) -> None:
    """Make a folder unless it is there.

    Raises:
        OSError: it cannot be made, or no file can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


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
        self._color = color

    def configure(self, *, quiet: bool, verbose: int, color: str) -> Talk:
        """Take over what the options of a command say."""
        self.quiet, self.verbose, self._color = quiet, verbose, color
        return self

    def problems(self, problems: Iterable[Problem]) -> None:
        """Each problem on a line: place, severity, object, the server's words.

        Notices need ``-v``, and ``-q`` leaves errors only.
        """
        for problem in sorted(problems, key=reading_order):
            wanted = not self.quiet and (problem.severity is not Severity.INFO or self.verbose)
            if wanted or problem.severity is Severity.ERROR:
                self._tell(self.painted(problem, sys.stderr))

    def painted(self, problem: Problem, stream: TextIO | None) -> str:
        """A problem as one line of text, in colour where `stream` wants it."""
        place = f"{problem.source}: " if problem.source else ""
        subject = f"{problem.object}: " if problem.object else ""
        word = self._paint(f"{problem.severity.value}:", _COLOURS[problem.severity], stream)
        hint = f" ({problem.hint})" if problem.hint else ""
        return f"{place}{word} {subject}{problem.message()}{hint}"

    def say(self, message: str) -> None:
        """Something worth saying unless ``--quiet``."""
        if not self.quiet:
            self._tell(message)

    def always(self, message: str) -> None:
        """What was asked for by an option of its own, so that ``--quiet`` does not mean it."""
        self._tell(message)

    def detail(self, message: str) -> None:
        """Something worth saying under ``-v``."""
        if self.verbose:
            self.say(message)

    def error(self, message: str, *, hint: str | None = None) -> None:
        """What ends the command; said even under ``--quiet``."""
        self._tell(f"{self._paint('error:', 'red', sys.stderr)} {message}")
        if hint:
            self._tell(f"{self._paint('hint:', 'cyan', sys.stderr)} {hint}")

    def wants_color(self, stream: TextIO | None) -> bool:
        """Whether what goes to a stream is to be in colour."""
        return _wants_color(self._color, stream)

    @staticmethod
    def _tell(line: str) -> None:
        try:
            # Whether there is colour has been decided; left alone, click strips it from all that is no terminal.
            click.echo(line, err=True, color=True)
        except BrokenPipeError:
            # Nobody listens any more, and the command is to do its work all the same; nor will a flush at exit fail.
            sys.stderr = None

    def _paint(self, text: str, color: str, stream: TextIO | None) -> str:
        return click.style(text, fg=color, bold=True) if _wants_color(self._color, stream) else text

    @contextlib.contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """Show `what` is under way, on a terminal and only once it has taken a second."""
        if not self._shows_progress():
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

    @contextlib.contextmanager
    def counted_progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """The same for what comes in parts: a bar, drawn by the function given, which takes how many of how many."""
        if not self._shows_progress():
            yield lambda _done, _count: None
            return
        line = ""
        begun = time.monotonic()
        state = 0, 0
        drawing = threading.Lock()

        def draw() -> None:
            nonlocal line
            with drawing:
                done, count = state
                if not count:
                    return
                filled = _BAR * done // count
                line = f"{what} [{'#' * filled}{'.' * (_BAR - filled)}] {done}/{count}"
                sys.stderr.write(f"\r{line}")
                sys.stderr.flush()

        def show(done: int, count: int) -> None:
            nonlocal state
            state = done, count
            if time.monotonic() - begun >= _PROGRESS_AFTER_SECONDS:
                draw()

        # The first part may take long.
        timer = threading.Timer(_PROGRESS_AFTER_SECONDS, draw)
        timer.daemon = True
        timer.start()
        try:
            yield show
        finally:
            timer.cancel()
            timer.join()
            if line:
                sys.stderr.write(f"\r{' ' * len(line)}\r")
                sys.stderr.flush()

    def _shows_progress(self) -> bool:
        hidden = self.quiet or os.environ.get("CI") or os.environ.get("NO_PROGRESS")
        return not hidden and _is_terminal(sys.stderr)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks; Python has no stream where the descriptor was closed."""
    return stream is not None and stream.isatty()


def _wants_color(choice: str, stream: TextIO | None) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return _is_terminal(stream) and os.environ.get("TERM") != "dumb"
