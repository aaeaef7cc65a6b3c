"""Scripts that were refused, kept for a bug report."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["default_folder", "save_script"]

_PREFIX: Final = "svcc-refused-"
_SUFFIX: Final = ".nft"
_MOST_KEPT: Final = 8
"""A node that is refused again and again must not fill its disk: the script of 30 000 Services has 20 MB."""


def default_folder() -> Path:
    """The state directory that systemd gives a service, else that for temporary files."""
    return Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or tempfile.gettempdir())


def save_script(folder: Path, script: str) -> Path:
    """Write a script into a new file that its owner alone can read; the oldest beyond 8 are removed.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(script.encode(errors="surrogateescape"))
    except OSError:
        path.unlink(missing_ok=True)
        raise
    _forget_old(folder)
    return path


def _forget_old(folder: Path) -> None:
    user = os.geteuid()
    found = []
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        # Somebody else may remove one at the same moment.
        with contextlib.suppress(OSError):
            about = path.lstat()
            if about.st_uid == user:
                found.append((about.st_mtime_ns, path))
    for _age, path in sorted(found)[:-_MOST_KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
