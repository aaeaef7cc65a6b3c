"""nft statements: what a rule does, as values."""

from __future__ import annotations

from attrs import frozen

from svcc.nft.expressions import Expression

__all__ = [
    "Assign",
    "Dnat",
    "Masquerade",
    "Match",
    "Reject",
    "Remember",
    "Statement",
    "Verdict",
    "VerdictMap",
]


@frozen
class Verdict:
    """``accept``, ``drop``, ``return``, or ``jump`` and ``goto`` with a target chain."""

    kind: str
    target: str | None = None


@frozen
class Match:
    """``left operator right``; the rule ends where it does not hold. A plain operator is ``==`` (flags: any bit)."""

    left: Expression
    right: Expression
    operator: str = "=="


@frozen
class VerdictMap:
    """``key vmap @name``: the verdict that a named map holds for a key; a miss ends the rule."""

    key: Expression
    map_name: str


@frozen
class Assign:
    """``target set value``, such as ``meta mark set meta mark | 0x4000``."""

    target: Expression
    value: Expression


@frozen
class Dnat:
    """``dnat ip to …``: rewrite destination address and port; ends the chain."""

    family: str
    to: Expression


@frozen
class Masquerade:
    """``masquerade fully-random``: rewrite the source to the outgoing interface's address; ends the chain."""

    fully_random: bool = True


@frozen
class Reject:
    """``reject with icmp port-unreachable`` (or icmpv6): the same answer for every protocol (S37)."""

    family: str


@frozen
class Remember:
    """``update @name { key timeout T : data }``, or ``delete @name { key : data }``: change a dynamic map.

    An update leaves the data of an element that exists as it is and only renews its timeout (nft_dynset.c), so an
    element that is wrong must be deleted first. A delete ignores the data.
    """

    operation: str
    map_name: str
    key: Expression
    data: Expression
    timeout_seconds: int | None = None


Statement = Verdict | Match | VerdictMap | Assign | Dnat | Masquerade | Reject | Remember
