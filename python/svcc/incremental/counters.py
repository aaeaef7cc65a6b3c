"""The part of the table of counters that changes."""

from __future__ import annotations

from attrs import evolve

from svcc.compiler.counters import counters_table
from svcc.dataplane.contract import FamilyDataplane
from svcc.nft.objects import Set, Table

__all__ = ["changed_counters"]


def changed_counters(before: FamilyDataplane, after: FamilyDataplane) -> tuple[Table, Table]:
    """What differs in the tables of two states of some service ports, with all sets declared that there are.

    Frontends that stay are in neither, whatever else of their Services changes, so they keep their counters.
    """
    old, new = counters_table(before), counters_table(after)
    old_sets, new_sets = ({item.name: item for item in table.sets} for table in (old, new))
    for name in old_sets.keys() & new_sets.keys():
        old_sets[name], new_sets[name] = _without_common(old_sets[name], new_sets[name])
    return (
        evolve(old, sets=tuple(old_sets.values()), chains=tuple(each for each in old.chains if each not in new.chains)),
        evolve(new, sets=tuple(new_sets.values()), chains=tuple(each for each in new.chains if each not in old.chains)),
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
