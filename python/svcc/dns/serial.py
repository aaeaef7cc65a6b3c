"""Serial numbers of zones: which of two is the later one (RFC 1982)."""

from __future__ import annotations

__all__ = ["is_later"]


def is_later(new: int, old: int) -> bool:
    """Whether a server that has a zone with the serial `old` takes `new` for a later one.

    Serials are numbers of 32 bits in a circle; of two that are exactly half of it apart neither is the later one.

    >>> is_later(1, 0), is_later(3, 2**32 - 2), is_later(2**31, 0)
    (True, True, False)
    """
    return 0 < (new - old) % 2**32 < 2**31
