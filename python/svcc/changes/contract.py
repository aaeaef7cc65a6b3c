"""The values a change of a node is made of."""

from __future__ import annotations

import enum
from fractions import Fraction

from attrs import frozen

from svcc.addresses import IPFamily
from svcc.dataplane.conntrack import StaleEntries
from svcc.dataplane.contract import Decision, Frontend, FrontendKind, ServicePortName, ServicePortPlan
from svcc.fields import Problem
from svcc.nft.commands import TableName
from svcc.nft.objects import Data, Key
from svcc.nft.transaction import Transaction
from svcc.select import EndpointAddress

__all__ = [
    "BrokenConnections",
    "ChainChange",
    "Clients",
    "EndpointsChange",
    "Fate",
    "FieldChange",
    "FrontendChange",
    "Measure",
    "Move",
    "NodeChange",
    "ServicePortChange",
    "SetChange",
    "Sweep",
]


_NOTHING = Transaction()


class Fate(enum.StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


def _fate(before: object | None, after: object | None) -> Fate:
    if before is None:
        return Fate.ADDED
    return Fate.REMOVED if after is None else Fate.CHANGED


@frozen
class FieldChange:
    """A setting with its values before and after, as text; empty where it is not set."""

    name: str
    before: str
    after: str


@frozen
class FrontendChange:
    """A frontend of a service port that is there on one side only, or differs.

    `other` is the service port that had the frontend before, or has it after, where it changes hands.
    """

    before: Frontend | None
    after: Frontend | None
    other: ServicePortName | None = None

    @property
    def fate(self) -> Fate:
        """Whether it comes, goes or changes."""
        return _fate(self.before, self.after)

    @property
    def frontend(self) -> Frontend:
        """The frontend as it is after, or was before if it goes."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a frontend that is on neither side")
        return found


@frozen
class EndpointsChange:
    """What becomes of one set of endpoints; `reweighted` has the weights before and after."""

    decision: Decision
    added: tuple[EndpointAddress, ...] = ()
    removed: tuple[EndpointAddress, ...] = ()
    reweighted: tuple[tuple[EndpointAddress, int, int], ...] = ()


class Clients(enum.StrEnum):
    """Who is meant: `inside` are pods and the node itself, `outside` all others (S27)."""

    ALL = "all"
    INSIDE = "inside"
    OUTSIDE = "outside"


class Measure(enum.StrEnum):
    """What a share of moved connections says."""

    DISTRIBUTION = "distribution"
    """Each connection is drawn anew: the least part that must go elsewhere for the shares to become what they will."""
    TABLES = "tables"
    """Exactly the part of all hashes whose slots belong to another endpoint."""
    INDEPENDENT = "independent"
    """Another part of the packet is hashed, so that new and old endpoint have nothing to do with each other."""


@frozen
class Move:
    """New connections that go elsewhere than before.

    Attributes:
        frontends: by which frontends they come, as kind, address and port.
        clients: who connects.
        before, after: the decisions that lead them.
        share: the part that goes to another endpoint, or from or to a refusal; more than 0. Clients with a record of
            session affinity follow it instead.
        measure: what the share means.
        slots_before, slots_after: the numbers of slots, 0 for refusals.
        slots_moved: how many of the slots that are on both sides belong to another endpoint.
    """

    frontends: tuple[tuple[FrontendKind, str | None, int], ...]
    clients: Clients
    before: Decision
    after: Decision
    share: Fraction
    measure: Measure
    slots_before: int
    slots_after: int
    slots_moved: int


@frozen
class BrokenConnections:
    """Established connections to an endpoint that goes; `terminating` if it is still there and about to end."""

    endpoint: EndpointAddress
    terminating: bool


@frozen
class ServicePortChange:
    """What changes for one service port in one family.

    Attributes:
        before, after: the whole plans; None where there is none.
        frontends: those that come, go or change.
        endpoints: the sets of endpoints that change, as far as decisions lead to them.
        settings: session affinity and balancing.
        moves: new connections that go elsewhere, by frontends that are on both sides.
        broken: TCP and SCTP connections that end because their endpoint does. An endpoint that only loses frontends
            keeps its connections (S33).
        forgotten: endpoints to which records of session affinity lead that will not be honoured any more.
        forgets_all: session affinity ends, so all records do.
    """

    name: ServicePortName
    family: IPFamily
    before: ServicePortPlan | None
    after: ServicePortPlan | None
    frontends: tuple[FrontendChange, ...] = ()
    endpoints: tuple[EndpointsChange, ...] = ()
    settings: tuple[FieldChange, ...] = ()
    moves: tuple[Move, ...] = ()
    broken: tuple[BrokenConnections, ...] = ()
    forgotten: tuple[EndpointAddress, ...] = ()
    forgets_all: bool = False

    @property
    def fate(self) -> Fate:
        """Whether the service port comes, goes or changes."""
        return _fate(self.before, self.after)

    @property
    def has_details(self) -> bool:
        """Whether anything that packets or connections notice differs."""
        return bool(self.frontends or self.endpoints or self.settings or self.moves or self.broken or self.forgotten)


@frozen
class SetChange:
    """The elements of a set or map that are touched; the changed ones with their data, or only their comment."""

    table: TableName
    name: str
    added: tuple[tuple[Key, Data | None], ...] = ()
    removed: tuple[tuple[Key, Data | None], ...] = ()
    changed: tuple[tuple[Key, Data | None, Data | None], ...] = ()

    @property
    def count(self) -> int:
        """How many elements are touched."""
        return len(self.added) + len(self.removed) + len(self.changed)


@frozen
class ChainChange:
    """The rules of a chain that are touched, as text; a chain that comes or goes may have none."""

    table: TableName
    name: str
    fate: Fate
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many rules are touched."""
        return len(self.added) + len(self.removed)


@frozen
class NodeChange:
    """All that changes on one node; false where nothing does.

    Attributes:
        node: its name.
        service_ports: by name and family, those that change.
        surroundings: what else the node goes by: who is a pod, which addresses serve node ports, and so on.
        stale_udp: the conntrack entries that must be deleted, because nobody answers any more (S49).
        sets, chains: what is touched in the ruleset; empty in a sweep.
        transaction: the nft commands; empty in a sweep.
        problems: what is wrong with the objects after the change.
    """

    node: str
    service_ports: tuple[ServicePortChange, ...] = ()
    surroundings: tuple[FieldChange, ...] = ()
    stale_udp: tuple[StaleEntries, ...] = ()
    sets: tuple[SetChange, ...] = ()
    chains: tuple[ChainChange, ...] = ()
    transaction: Transaction = _NOTHING
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.service_ports or self.surroundings or self.stale_udp or self.transaction)

    @property
    def elements(self) -> int:
        """How many elements of sets and maps are touched."""
        return sum(item.count for item in self.sets)

    @property
    def rules(self) -> int:
        """How many rules are touched."""
        return sum(item.count for item in self.chains)


@frozen
class Sweep:
    """What changes on which nodes.

    Attributes:
        nodes: all that were looked at, in order.
        changes: of those on which something changes.
        came, went: nodes that are declared on one side only; they are not among the others.
    """

    nodes: tuple[str, ...]
    changes: tuple[NodeChange, ...]
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.came or self.went)
