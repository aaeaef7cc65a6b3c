"""Words about rules without their spelling: nft writes a rule in one way as text, in another as JSON."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["unspelt"]

_LEFT_OUT: Final = (
    (re.compile(r"\breject with icmp(?:x|v6)? port-unreachable"), "reject"),
    (re.compile(r"\b([ds]nat) ip6? to\b"), r"\1 to"),
    (re.compile(r" is not (?:understood|modelled)"), ""),
)
"""What nft leaves out when it prints a rule as text and not as JSON, and how readers of the two put their reasons."""
_WORD: Final = re.compile(r"[^\s\"'{}\[\](),=/\\`]+")
_GRAMMAR: Final = frozenset(
    {"burst", "field", "inv", "name", "null", "over", "packets", "payload", "per", "protocol", "rate", "right", "true"}
    | {"tunnel", "val", "val_unit"}
)
"""Keys of JSON objects, and words that stand for them in text."""


def unspelt(words: str) -> str:
    """The words that two spellings of a rule share, sorted: JSON's keys and nft's text have them in another order.

    >>> unspelt('tcp dport 22 limit rate 5/second burst 10 packets drop')
    '10 22 5 dport drop limit second tcp'
    >>> unspelt('tcp dport == 22 {"limit":{"rate":5,"burst":10,"per":"second"}} drop')
    '10 22 5 dport drop limit second tcp'
    """
    for pattern, shared in _LEFT_OUT:
        words = pattern.sub(shared, words)
    # A colon parts key and value in JSON, and belongs to addresses and ports.
    found = [word.strip(":;") for word in _WORD.findall(words.replace('":', '" '))]
    # A reason quotes what is not understood, which is more of a rule in one form than in the other.
    kept = set(found) if "`" in words else found
    return " ".join(sorted(word for word in kept if word and word not in _GRAMMAR))
