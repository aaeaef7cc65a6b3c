"""The part of the table of counters that changes."""

from __future__ import annotations

from attrs import evolve

from svcc.compiler.counters import counters_table
from svcc.dataplane.contract import FamilyDataplane
from svcc.nft.objects import Set, Table

__all__ = ["changed_counters"]


def changed_counters(before: FamilyDataplane, after: FamilyDataplane) -> tuple[Table, Table]:
    """What differs in the tables of two states of some service ports, with all sets declared.

    Frontends that stay are in neither, whatever else of their Services changes, so they keep their counters.
    """
    old, new = counters_table(before), counters_table(after)
    pairs = [_without_common(one, other) for one, other in zip(old.sets, new.sets, strict=True)]
    chains = [pair for pair in zip(old.chains, new.chains, strict=True) if pair[0] != pair[1]]
    return (
        evolve(old, sets=tuple(one for one, _ in pairs), chains=tuple(one for one, _ in chains)),
        evolve(new, sets=tuple(other for _, other in pairs), chains=tuple(other for _, other in chains)),
    )


def _without_common(one: Set, other: Set) -> tuple[Set, Set]:
    common = {key for key, _ in one.elements if one.comments.get(key) == other.comments.get(key)}
    common &= {key for key, _ in other.elements}
    return _without(one, common), _without(other, common)


def _without(item: Set, keys: set[tuple[str | int, ...]]) -> Set:
    return evolve(
        item,
        elements=tuple(pair for pair in item.elements if pair[0] not in keys),
        comments={key: comment for key, comment in item.comments.items() if key not in keys},
    )
