"""Waiting for files to change: watchfiles, where it can watch, else time alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from svcc.errors import TargetError

__all__ = ["Watch", "WatchError", "open_watch"]

_LONGEST_BURST: Final = 400
"""Milliseconds after which a burst of changes is handed over although it goes on."""
_QUIET: Final = 50
"""Milliseconds without a change that end a burst: whoever writes a file should be ready with it by then."""


class WatchError(Exception):
    """The system cannot watch these directories, or no longer; the message says why."""


class Watch:
    """Watches directories with all that is below them, links to directories included."""

    def __init__(self, notify: Any, failures: tuple[type[Exception], ...]) -> None:
        self._notify = notify
        self._failures = failures

    def wait(self, seconds: float, stop: threading.Event) -> frozenset[str]:
        """Absolute paths of what changed; returns after the first burst, after `seconds`, or at `stop`.

        Raises:
            WatchError: watching has failed.
        """
        try:
            found = self._notify.watch(_LONGEST_BURST, _QUIET, int(seconds * 1000), stop)
        except self._failures as error:
            raise WatchError(str(error)) from error
        return frozenset(path for _, path in found) if isinstance(found, set) else frozenset()

    def close(self) -> None:
        """Watch no more."""
        self._notify.close()


def open_watch(directories: Sequence[str]) -> Watch:
    """Watch `directories`, absolute paths, from now on.

    Raises:
        TargetError: the library is not installed.
        WatchError: the system does not let us, for instance because of its limits.
    """
    try:
        library = import_module("watchfiles._rust_notify")
    except ImportError as error:
        hint = "pip install 'svcc[node]'"
        raise TargetError("watching files needs the library watchfiles, which is not installed", hint=hint) from error
    failures = (OSError, library.WatchfilesRustInternalError)
    try:
        # In this order: debug, polling and its delay, below directories as well, and past those that nobody may read.
        notify = library.RustNotify(list(directories), False, False, 300, True, True)  # noqa: FBT003
    except failures as error:
        raise WatchError(str(error)) from error
    return Watch(notify, failures)
