"""Ctrl-C while the command is still being imported: it ends as it does later, and not with a traceback.

That is for the command alone: whoever imports svcc decides for themselves what an interrupt does.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

__all__: list[str] = []

_EXIT_CODE = 130


def _is_command() -> bool:
    """Whether this process was started as ``svcc`` or ``python -m svcc``."""
    if sys.argv[:1] == ["-m"]:  # that is all there is of it while packages are imported
        place = sys.orig_argv.index("-m")
        return sys.orig_argv[place + 1 : place + 2] == ["svcc"]
    return os.path.basename(sys.argv[0] if sys.argv else "") in {"svcc", "svcc.exe"}  # noqa: PTH119  (pathlib is slow)


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
