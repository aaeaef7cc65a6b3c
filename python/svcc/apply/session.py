"""Sessions with nftables: scripts in, listings out, and what refused them.

libnftables in this process is the first choice: a small transaction costs a quarter of what starting a program does.
Scripts are text, because JSON cannot say how svcc declares its maps before nft 1.1.2; listings are JSON.
"""

from __future__ import annotations

import errno as errors
import json
import os
import re
from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, runtime_checkable

from svcc.errors import TargetError
from svcc.fields import printable

__all__ = ["UNCERTAIN", "Nft", "NftError", "TableReader", "listed_objects", "nft_error", "table_objects"]

UNCERTAIN: Final = frozenset({errors.ENOBUFS, errors.EAGAIN, errors.EINTR, errors.ETIMEDOUT})
"""Errors of talking to the kernel, not of the kernel: what was asked for may have happened."""

_MEANINGS: Final = {
    errors.EPERM: "the capability CAP_NET_ADMIN is missing",
    errors.ENOENT: "something named does not exist, or the kernel lacks a module for it",
    errors.EEXIST: "it is there already, and otherwise",
    errors.EBUSY: "something still refers to it, or somebody else changed the rules at the same moment",
    errors.EOPNOTSUPP: "the kernel lacks this feature",
    errors.ENOMEM: "the kernel has no memory for it",
    errors.ENOSPC: "a set or map is full",
    errors.ENFILE: "a set or map is full",
    errors.EMLINK: "chains nest too deeply, or in a circle",
    errors.ELOOP: "chains nest in a circle",
    errors.EMSGSIZE: "the transaction is larger than the socket takes: raise net.core.wmem_max",
    errors.ENOBUFS: "the kernel's answer was larger than the socket takes: raise net.core.rmem_max",
}
_NUMBERS: Final = {os.strerror(number): number for number in errors.errorcode}
_PLACE = re.compile(r"^(?:/[^\s:]+|<\w+>):(\d+):(\d+)(?:-\d+)?: Error", re.MULTILINE)
_WORDS = re.compile(r"Error: (.*)")
_DORMANT = re.compile(r"table \S+ \S+ \{\n\s*flags dormant\b")
_MOST_WORDS = 1000


class NftError(TargetError):
    """nft or the kernel refused a script; nothing of it was done, unless `is_uncertain`.

    Attributes:
        script: what was to be run.
        words: what nft says is wrong, without the place.
        line: where in the script, counted from 1, as far as nft tells.
        errno: the kernel's error number, if it was the kernel.
        is_uncertain: the answer was lost, and somebody's transaction has gone through meanwhile: read again.
    """

    def __init__(
        self,
        words: str,
        *,
        script: str = "",
        line: int | None = None,
        errno: int | None = None,
        uncertain: bool = False,
    ) -> None:
        meaning = _MEANINGS.get(errno) if errno is not None else None
        super().__init__(f"nft refused: {printable(words)}", hint=meaning)
        self.words = words
        self.script = script
        self.line = line
        self.errno = errno
        self.is_uncertain = uncertain

    @property
    def place(self) -> str:
        """The line of the script that is refused; nothing where it is not known."""
        lines = self.script.splitlines() if self.line else []
        return lines[self.line - 1].strip() if self.line and self.line <= len(lines) else ""


class Nft(Protocol):
    """A session with nftables in one network namespace, for one thread at a time."""

    name: str
    """What it is, with its version: ``libnftables 1.0.6 (python3-nftables)``, ``nft 1.0.6 (program)``."""

    @property
    def process_ids(self) -> Collection[int]:
        """The processes and threads whose commits have been this session's, the latest of them."""

    def run(self, script: str, *, check: bool = False) -> None:
        """Run a script as one transaction; with `check` let nft and the kernel judge it, and change nothing.

        Raises:
            NftError: it is refused, and nothing has changed.
        """

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """All objects of a table in nft's JSON form; None if there is no such table.

        Raises:
            NftError: it cannot be listed.
        """

    def list_text(self, family: str, name: str) -> str | None:
        """A table as text that can be loaded; None if there is no such table.

        Raises:
            NftError: it cannot be listed.
        """

    def close(self) -> None:
        """Let go of all that the session holds."""


def nft_error(told: str, script: str) -> NftError:
    """The error that nft has told in its words."""
    words = " ".join((match[1] if (match := _WORDS.search(told)) else told.strip()).split())[:_MOST_WORDS]
    number = next((number for text, number in _NUMBERS.items() if words.endswith(text)), None)
    place = _PLACE.search(told)
    return NftError(words or "it gave no reason", script=script, line=int(place[1]) if place else None, errno=number)


@runtime_checkable
class TableReader(Protocol):
    """A session that reads large tables at less cost than listing them takes."""

    def read_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """As `Nft.list_table`, but the elements of a set or map may be `svcc.apply.kernel_elements.PlainElements`."""


def listed_objects(document: Any) -> list[dict[str, Any]]:
    """The objects of a listing.

    Raises:
        NftError: it is none.
    """
    found = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise NftError("the listing is not in libnftables' JSON form")
    return found


def table_objects(
    text: str, family: str, name: str, list_text: Callable[[str, str], str | None]
) -> list[dict[str, Any]] | None:
    """The objects of a table's JSON listing; None if the table is gone meanwhile.

    Of a dormant table only the table, where its listing cannot be read: nft 1.0.6 takes the words of a table's flags
    from memory that holds something else, and when that is no text it leaves the JSON incomplete.

    Raises:
        NftError: it is no JSON, and the table not dormant.
    """
    try:
        return listed_objects(json.loads(text))
    except ValueError:
        listed = list_text(family, name)
    if listed is None:
        return None
    if _DORMANT.match(listed):
        return [{"table": {"family": family, "name": name, "flags": ["dormant"]}}]
    raise NftError(f"table {family} {name} is listed as what is no JSON")
