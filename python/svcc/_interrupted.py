"""Ctrl-C while the command is still being imported: it ends as it does later, and not with a traceback.

That is for the command alone: whoever imports svcc decides for themselves what an interrupt does.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

__all__: list[str] = []

_EXIT_CODE = 130
_FLAGS = frozenset("bBdEhiIOPqRsSuvVx?")
"""The options of Python that are one letter and take no argument, so that another may stand behind them."""


def _is_command() -> bool:
    """Whether this process was started as ``svcc`` or ``python -m svcc``."""
    if sys.argv[:1] == ["-m"]:  # that is all there is of it while packages are imported
        return _module(sys.orig_argv) == "svcc"
    return os.path.basename(sys.argv[0] if sys.argv else "") in {"svcc", "svcc.exe"}  # noqa: PTH119  (pathlib is slow)


def _module(arguments: list[str]) -> str:
    """What a command of Python runs as a module: ``-m svcc``, ``-Im svcc`` and ``-msvcc`` are the same."""
    for place, argument in enumerate(arguments[1:], 1):
        flags, letter, rest = argument.partition("m")
        if letter and flags.startswith("-") and _FLAGS.issuperset(flags[1:]):
            return rest or "".join(arguments[place + 1 : place + 2])
    return ""


def _told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    if sys.stderr is not None:
        sys.stderr.write("error: interrupted\n")
        sys.stderr.flush()
    # A hook cannot choose the exit code in another way, and nothing was begun that would have to be ended.
    os._exit(_EXIT_CODE)


if sys.excepthook is sys.__excepthook__ and _is_command():
    sys.excepthook = _told
