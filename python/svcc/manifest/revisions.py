"""Manifests out of a git revision, without a checkout.

``REV:PATH`` is git's own notation: a branch, tag, commit or anything else that names one, and a path from the root of
the repository, or from the current folder if it begins with ``./``. The git program reads the objects; it runs no hooks
and no filters for that, and never sees a name that could be an option.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from svcc.errors import InputError, TargetError
from svcc.fields import printable

__all__ = ["is_revision", "manifests_of_revision"]

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_LINK, _COMMIT = "120000", "160000"
_PIECE = 1 << 20


def is_revision(name: str) -> bool:
    """Whether a name on the command line is ``REV:PATH``; what is there as a file goes first."""
    return ":" in name and not name.startswith(":") and not os.path.lexists(name)


def manifests_of_revision(name: str, most: int) -> Iterator[tuple[str, bytes]]:
    """The manifests that ``REV:PATH`` names: a file, or those in and below a folder, sorted, without hidden ones.

    Yields names, such as ``HEAD:manifests/web.yaml``, and contents, at most one byte more than `most` of each. Links to
    files inside the revision are followed.

    Raises:
        InputError: there is no such revision or path, no repository, or no manifest in the folder.
        TargetError: there is no git program.
    """
    try:
        # Without --end-of-options, a revision that begins with a dash would be an option.
        found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", name)
    except InputError:
        raise _unknown(name) from None
    hash_ = found.decode().strip()
    kind = _git("cat-file", "-t", hash_).decode().strip()
    if kind == "blob":
        yield from _contents([name], most)
        return
    if kind not in {"tree", "commit"}:
        raise InputError(f"{printable(name)} is a {kind}, not a file or folder")
    wanted = sorted(_manifests_below(hash_), key=lambda path: path.split("/"))
    if not wanted:
        raise InputError(f"{printable(name)}: no .yaml, .yml or .json file in this folder")
    separator = "" if name.endswith((":", "/")) else "/"
    yield from _contents([f"{name}{separator}{path}" for path in wanted], most)


def _manifests_below(tree: str) -> Iterator[str]:
    for entry in _git("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
        description, _, raw = entry.partition(b"\t")
        path = os.fsdecode(raw)
        parts = PurePosixPath(path)
        if (
            description
            and not description.startswith(_COMMIT.encode())
            and parts.suffix in _SUFFIXES
            and not any(part.startswith(".") for part in parts.parts)
        ):
            yield path


def _unknown(name: str) -> InputError:
    """Why git knows nothing of this name, as exactly as it can be said."""
    revision, _, path = name.partition(":")
    try:
        _git("rev-parse", "--git-dir")
    except InputError as error:
        return InputError(
            f"cannot read {printable(name)}: there is no such file, and no git repository to look for a revision in",
            hint=error.message,
        )
    try:
        _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{tree}}")
    except InputError:
        return InputError(
            f"cannot read {printable(name)}: there is no such file, and git knows no revision {printable(revision)}",
            hint=_shallow_hint(),
        )
    return InputError(
        f"{printable(name)}: the revision has no such file or folder", hint=_relative_hint(f"{revision}:./{path}")
    )


def _relative_hint(name: str) -> str | None:
    """What the user may have meant, if it is there: git takes paths as beginning at the root of the repository."""
    try:
        _git("rev-parse", "--verify", "--quiet", "--end-of-options", name)
    except InputError:
        return None
    return f"from the current folder it is {printable(name)}"


def _shallow_hint() -> str | None:
    """Clones of CI services often hold one revision of one branch."""
    if _git("rev-parse", "--is-shallow-repository").strip() != b"true":
        return None
    return (
        "this clone is shallow and lacks most revisions; get them with: git fetch --unshallow origin, or fetch-depth: 0"
    )


def _contents(names: list[str], most: int) -> Iterator[tuple[str, bytes]]:
    """The contents of files, read one after the other from one git process.

    They are asked for by name: the hash of a link stands for the name that it holds, and from the hash of a folder no
    link leads out of it.
    """
    with _started("cat-file", "--batch", "--follow-symlinks") as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process was started with pipes")
        for name in names:
            if "\n" in name:
                raise InputError(f"{printable(name)}: a name with a line break cannot be asked for")
            process.stdin.write(os.fsencode(name) + b"\n")
            process.stdin.flush()
            header = process.stdout.readline().split()
            if len(header) != 3 or header[1] != b"blob":
                process.kill()
                raise InputError(f"{printable(name)}: {_trouble(header)}")
            yield name, _blob(process.stdout, int(header[2]), most)
        process.stdin.close()


def _trouble(header: list[bytes]) -> str:
    match [os.fsdecode(word) for word in header]:
        case ["dangling" | "loop" | "notdir", *_]:
            return "a link that leads nowhere"
        case ["symlink", *_]:
            return "a link that leads out of the revision"
        case [_, "tree" | "commit", _]:
            return "a link to a folder, which is not followed in a revision"
    return "git cannot read it"


def _blob(stream: IO[bytes], size: int, most: int) -> bytes:
    kept = stream.read(min(size, most + 1))
    missing = size + 1 - len(kept)
    while missing:
        piece = stream.read(min(missing, _PIECE))
        if not piece:
            raise InputError("git ended in the middle of a file")
        missing -= len(piece)
    return kept


def _git(*arguments: str) -> bytes:
    with _started(*arguments) as process:
        out, err = process.communicate()
    if process.returncode:
        lines = os.fsdecode(err).strip().splitlines()
        raise InputError(f"git: {printable(lines[0].removeprefix('fatal: ')) if lines else 'refused'}")
    return out


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    errors = subprocess.DEVNULL if "--batch" in arguments else pipe
    try:
        return subprocess.Popen(
            ["git", *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except FileNotFoundError as error:
        raise TargetError(
            "the git program is missing", hint="REV:PATH is read through git; name a file or folder instead"
        ) from error
    except ValueError as error:  # an embedded NUL
        raise InputError(f"git: {error}") from error
