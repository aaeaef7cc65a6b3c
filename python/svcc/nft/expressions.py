"""nft expressions: what a rule can look at, as values.

Each class is one expression of `nft(8)`; `svcc.nft.text` and `svcc.nft.json` write them.
"""

from __future__ import annotations

from attrs import frozen

__all__ = [
    "Binary",
    "Concat",
    "Constant",
    "Ct",
    "Expression",
    "Fib",
    "Jhash",
    "Lookup",
    "Meta",
    "Numgen",
    "Payload",
    "SetReference",
    "concat",
]


@frozen
class Constant:
    """A literal: a number, or a word, address or prefix that nft knows; `quoted` for interface names."""

    value: int | str
    quoted: bool = False


@frozen
class Payload:
    """A header field, such as ``ip daddr``; protocol ``th`` is whatever transport header the packet has."""

    protocol: str
    field: str


@frozen
class Meta:
    """``meta mark``, ``meta l4proto``, ``meta iifname`` and so on."""

    key: str


@frozen
class Ct:
    """Conntrack: ``ct state``, ``ct original ip daddr``.

    ``ct original proto-dst`` is accepted only after a match on the protocol in the same rule.
    """

    key: str
    direction: str | None = None


@frozen
class Fib:
    """A lookup in the routing table: ``fib daddr type``."""

    flags: tuple[str, ...]
    result: str


@frozen
class Numgen:
    """A number from `offset` to `offset + modulus - 1`: ``random`` draws it anew for each packet, ``inc`` counts.

    ``inc`` with modulus 1 is the constant `offset`: the only way to put a constant into a concatenated key.
    """

    mode: str
    modulus: int
    offset: int = 0


@frozen
class Jhash:
    """The kernel's hash of an expression, scaled into ``offset .. offset + modulus - 1``; see `svcc.kernel_hash`.

    The seed must be given: without one the kernel draws one that no dump shows.
    """

    expression: Expression
    modulus: int
    seed: int
    offset: int = 0


@frozen
class Binary:
    """``left operator right`` with a constant right side: ``meta mark & 0x4000``."""

    operator: str
    left: Expression
    right: Constant


@frozen
class Concat:
    """Expressions joined by dots into one key."""

    parts: tuple[Expression, ...]


@frozen
class SetReference:
    """A named set on the right side of a match."""

    name: str


@frozen
class Lookup:
    """``key map @name``: the data that a named map holds for a key; a miss ends the rule."""

    key: Expression
    map_name: str


Expression = Constant | Payload | Meta | Ct | Fib | Numgen | Jhash | Binary | Concat | SetReference | Lookup


def concat(*parts: Expression) -> Concat:
    """`parts` joined into one key."""
    return Concat(parts)
