"""Names and comments that nft takes whatever they are made of.

Names come from users' objects, so nothing in them may end a word, a quote or a line, and none may be too long: one bad
name must never break a transaction (S46).
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["comment_text", "identifier"]

_LONGEST_IDENTIFIER = 240
"""The kernel takes 254 usable characters in the name of a chain or set."""

_LONGEST_COMMENT = 127
"""nft takes 128 bytes, the terminating zero included in some versions."""

_NOT_IN_IDENTIFIER = re.compile(r"[^A-Za-z0-9_./-]")
_NOT_IN_COMMENT = re.compile(r"[^ !#-\[\]-~]")


def identifier(prefix: str, *parts: str) -> str:
    """``prefix-part/part/part``, readable where it can be and unique always.

    Whenever characters had to be replaced or the name cut, a digest of the original is appended. `prefix` must start
    with a letter.
    """
    text = "/".join(parts)
    plain = _NOT_IN_IDENTIFIER.sub("_", text)
    if plain == text and len(prefix) + 1 + len(plain) <= _LONGEST_IDENTIFIER:
        return f"{prefix}-{plain}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    room = _LONGEST_IDENTIFIER - len(prefix) - len(digest) - 2
    return f"{prefix}-{plain[:room]}-{digest}"


def comment_text(text: str) -> str:
    """`text` as the inside of a quoted nft comment: printable ASCII without quotes and backslashes, cut to fit."""
    plain = _NOT_IN_COMMENT.sub("?", text)
    return plain if len(plain) <= _LONGEST_COMMENT else plain[: _LONGEST_COMMENT - 3] + "..."
