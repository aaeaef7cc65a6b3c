"""nft objects: tables, chains, sets, maps and their elements, as values.

A ruleset is compared, written as text or JSON, traced and audited in this one form. Elements are plain tuples, because
there are hundreds of thousands of them.
"""

from __future__ import annotations

from attrs import field, frozen

from svcc.nft.expressions import Expression
from svcc.nft.statements import Statement, Verdict

__all__ = ["BaseHook", "Chain", "Data", "Key", "Rule", "Ruleset", "Set", "Table", "Value"]

Value = str | int
Key = tuple[Value, ...]
Data = tuple[Value, ...] | Verdict


@frozen
class Rule:
    """Statements, run from left to right until one does not match or ends the rule."""

    statements: tuple[Statement, ...]


@frozen
class BaseHook:
    """Where a base chain hooks into the kernel; every base chain of svcc has the policy accept (S52)."""

    type: str
    hook: str
    priority: int


@frozen
class Chain:
    """A chain; without a `hook` it is reached by verdicts only."""

    name: str
    rules: tuple[Rule, ...]
    hook: BaseHook | None = None


@frozen
class Set:
    """A named set, or a map when `data` says what it holds.

    `key` and `data` are the expressions whose types the set has: svcc declares every set with ``typeof``, because
    tables declared otherwise crash older nft when it lists them. `is_verdict_map` replaces `data`. A `dynamic` map is
    filled by packets and must survive reloads; all others belong to the ruleset and are replaced with it. With
    `counter` the kernel gives each element one, which counts the packets whose lookup finds it.

    Elements are pairs (key, data) and (key, None), in a stable order; `comments` holds those of some keys.
    """

    name: str
    key: tuple[Expression, ...]
    elements: tuple[tuple[Key, Data | None], ...] = field(default=(), repr=False)
    data: tuple[Expression, ...] = ()
    is_verdict_map: bool = False
    interval: bool = False
    dynamic: bool = False
    size: int | None = None
    timeout_seconds: int | None = None
    counter: bool = False
    comments: dict[Key, str] = field(factory=dict, repr=False)

    @property
    def is_map(self) -> bool:
        """Whether elements carry data."""
        return self.is_verdict_map or bool(self.data)

    def is_declared_as(self, other: Set) -> bool:
        """Whether another set differs in nothing but elements and their comments."""
        return self is other or (
            self.name == other.name
            and self.key == other.key
            and self.data == other.data
            and (self.is_verdict_map, self.interval, self.dynamic, self.size, self.timeout_seconds, self.counter)
            == (other.is_verdict_map, other.interval, other.dynamic, other.size, other.timeout_seconds, other.counter)
        )

    def holding(self, elements: tuple[tuple[Key, Data | None], ...], comments: dict[Key, str] | None = None) -> Set:
        """A set that is declared like this one, with these elements and no more comments than they have of its own."""
        if comments is None:
            own = self.comments
            comments = {key: own[key] for key, _data in elements if key in own} if own else {}
        return Set(
            self.name,
            self.key,
            elements,
            self.data,
            self.is_verdict_map,
            self.interval,
            self.dynamic,
            self.size,
            self.timeout_seconds,
            self.counter,
            comments,
        )

    def emptied(self) -> Set:
        """A set that is declared like this one, without elements."""
        return self.holding((), {}) if self.elements or self.comments else self


@frozen
class Table:
    """A table: sets first, then chains, each in a stable order."""

    family: str
    name: str
    sets: tuple[Set, ...]
    chains: tuple[Chain, ...]


@frozen
class Ruleset:
    """The tables of one node."""

    tables: tuple[Table, ...]
