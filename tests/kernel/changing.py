"""A node whose cluster changes, in namespaces of its own, and all that must hold after each change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

from svcc.addresses import IPFamily, family_of
from svcc.apply.applied import Applied
from svcc.apply.held import TABLES, held_tables
from svcc.apply.installer import Installer
from svcc.apply.nft import Nft, open_nft
from svcc.apply.steps import NOTHING, united
from svcc.auditing.audit import audit_dataplane
from svcc.compiler.affinity_records import forgetting_transaction
from svcc.compiler.picks import pick_of
from svcc.dataplane.conntrack import UdpEntry, UdpFrontends
from svcc.dataplane.contract import ServicePortPlan
from svcc.fields import Severity
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import ClusterSettings
from svcc.model.service import Protocol
from svcc.nft.commands import DeleteElements
from svcc.nft.objects import Data, Key, Ruleset
from svcc.nft.transaction import transaction
from svcc.node.conntrack import ConntrackCleaner
from svcc.node.local_addresses import local_addresses
from svcc.node.watch import TableWatch
from svcc.select import EndpointAddress
from tests.incremental.histories import Declared, objects_of
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.kernel.servers import Answer, Conversation
from tests.kernel.targets import Target, targets_of
from tests.kernel.test_audit import is_at_a_cluster_ip_of_the_node
from tests.kernel.test_transaction import comparable
from tests.oracle import NodeFacts
from tests.strategies import NODE, Scenario

Records = Mapping[tuple[str, Key], Data | None]
"""What packets have written into the maps of session affinity, by family and key."""

Entry = tuple[str, int, UdpEntry]
"""A client's address and port, and where its datagrams go."""


_LATER = 1e10
"""Seconds after which whatever is left behind may go, however long that takes."""


class ChangingNode:
    """A node's compiler, installer, conntrack cleaner and table watch, and the objects they have been told of.

    Each change is followed by everything that must hold then; AssertionError where it does not.
    """

    def __init__(self, node: Node, cold: NetworkNamespace, settings: ClusterSettings, listed: Sequence[Change]) -> None:
        self._node = node
        self._cold = cold
        self._resources = ExitStack()
        self._nft = node.run(open_nft)
        self._resources.callback(self._nft.close)
        with cold.entered():
            self._cold_nft = open_nft()
        self._resources.callback(self._cold_nft.close)
        self._watch = node.run(lambda: TableWatch(TABLES, lambda: self._nft.process_ids))
        self._resources.callback(self._watch.close)
        self._cleaner = ConntrackCleaner()
        self._connections: list[tuple[Conversation, Answer]] = []
        self._datagrams: dict[Conversation, tuple[Target, Answer]] = {}
        self._orphans: set[Entry] = set()
        self._last_held: Ruleset | None = None
        self._now = 0.0
        self.declared = Declared(settings)
        self.declared.apply(listed)
        self.compilation = self.declared.compilation()
        self._start()
        self.check()

    def close(self) -> None:
        """Leave the node as it was found."""
        self._resources.close()
        self._node.reset()

    def _start(self) -> None:
        """What a process does first; all objects come at once, as from a list."""
        self._compiler = IncrementalCompiler(NODE, self.declared.settings)
        self._compiler.update(map(Change.to, objects_of(self.declared.cluster)))
        self._installer = Installer(self._nft, keep_scripts=None, clock=lambda: self._now)
        self.synchronize()
        self._node.run(lambda: self._cleaner.reconcile(self._compiler.dataplane()))

    # what happens

    def change(self, batch: Sequence[Change], *, is_late: bool = False) -> Applied:
        """Objects come, go and change, all at once; late enough to tidy up on the way, or sooner."""
        records, entries = self._held(), self._entries()
        self.declared.apply(batch)
        self.compilation = self.declared.compilation()
        update = self._compiler.update(batch)
        if is_late:
            self._now += _LATER
        # Also what an earlier late change has left to the next, whenever that comes: chains after what leads to them.
        due = self._installer._leftovers.due
        is_due = due is not None and due <= self._now
        applied = self._node.run(lambda: self._installer.advance(update))
        assert update or not applied or is_due
        assert applied or not update
        self._node.run(lambda: self._cleaner.remove(update.stale_entries))
        self._check_entries(entries, may_leave_others=False)
        self.check(records)
        return applied

    def tidy(self) -> Applied:
        """What was left behind is deleted."""
        had_leftovers = bool(self._installer._leftovers)
        self._now += _LATER
        applied = self._node.run(self._installer.tidy)
        assert bool(applied) is had_leftovers
        assert not self._installer._leftovers
        self.check()
        return applied

    def restart(self, settings: ClusterSettings) -> None:
        """Another process takes over, which may have other settings."""
        records, entries = self._held(), self._entries()
        self.declared.settings = settings
        self.compilation = self.declared.compilation()
        self._start()
        self._check_entries(entries, may_leave_others=True)
        self.check(records)

    def synchronize(self) -> Applied:
        """The kernel is read, and made right."""
        return self._node.run(lambda: self._installer.synchronize(self._compiler.ruleset(), self._compiler.dataplane()))

    def read(self) -> None:
        """The kernel is read where it is right; chains that are to be tidied up may become empty.

        Pick chains that Services share are known by their names, and stay as they are.
        """
        expected = 2 * self._count_of_stale(self._held())
        left = (chain for table in self._installer._leftovers.ruleset.tables for chain in table.chains)
        chains = sum(bool(chain.rules) and pick_of(chain.name) is None for chain in left)
        applied = self.synchronize()
        assert applied.count == expected + chains, applied.operations
        assert applied.operations.get("flush chain", 0) == chains
        self.check()

    def suffer(self, script: str) -> None:
        """Somebody else runs a script on svcc's tables, which is noticed and repaired."""
        before = self._listed()
        self._node.load(script)
        if self._listed() != before:
            assert self._node.run(self._watch.poll) is not None
        self.synchronize()
        self.check()

    def _listed(self) -> str:
        """What there is, without how long records still stay."""
        return re.sub(r" expires \S+", "", self._node.nft("list", "ruleset"))

    def connect(self, target: Target) -> None:
        """A client connects, and stays connected."""
        self._connections.append(self._asked(target))

    def send_datagrams(self, target: Target) -> None:
        """A client sends a datagram, and goes on from the same port after each change."""
        conversation, answer = self._asked(target)
        self._datagrams[conversation] = target, answer

    def _asked(self, target: Target) -> tuple[Conversation, Answer]:
        conversation = self._resources.enter_context(
            self._node.conversation(
                target.address, target.port, source=target.client, protocol=target.protocol.value, timeout=5
            )
        )
        answer = conversation.ask()
        self._last_held = None
        assert EndpointAddress(answer.address, answer.port) in target.endpoints
        return conversation, answer

    def targets(self, protocol: Protocol) -> list[Target]:
        """The frontends that outside clients reach, if all who may answer are pods."""
        return [
            target
            for family in self.compilation.dataplane.families
            for target in targets_of(family, protocol, self._node.addresses)
        ]

    # what must hold

    def check(self, before: Ruleset | None = None) -> None:
        """All that can be asked at any moment; `before` are tables with records that may have been lost since."""
        assert self._node.run(self._watch.poll) is None
        dump = self._node.nft("-j", "list", "ruleset")
        self._check_tables(dump)
        self._check_rules(dump)
        self._last_held = None
        self._last_held = held = self._held(_Dump(dump))
        if before is not None:
            # Clients are remembered as long as their endpoint serves (S35).
            now = _records(held)
            for place, endpoint in self._leading(before).items():
                assert now[place] == endpoint or self._serves_instead(place[0], endpoint, now[place])
        if self._installer.seconds_until_tidy is None:
            self._check_that_nothing_is_to_do(held)
        for conversation, answer in self._connections:
            assert conversation.ask() == answer

    def _check_tables(self, dump: str) -> None:
        """The kernel holds what a cold start leaves, and what is to be tidied up."""
        expected = _with(self.compilation.ruleset, self._installer._leftovers.ruleset)
        with self._cold.entered():
            self._cold_nft.run(f"flush ruleset\n{transaction(NOTHING, expected).script}")
            listed = [item for each in TABLES for item in self._cold_nft.list_table(each.family, each.name) or ()]
        assert _without_records(json.loads(dump)["nftables"]) == _without_records(listed)

    def _check_rules(self, dump: str) -> None:
        """The rules do what is owed, whatever made them."""
        report = audit_dataplane(dump, self.compilation.dataplane, self.declared.cluster)
        settings = self.declared.settings
        scenario = Scenario(self.declared.cluster, settings, NodeFacts(frozenset(settings.local_addresses)))
        wrong = [item for item in report.findings if item.severity is not Severity.INFO]
        assert [item for item in wrong if not is_at_a_cluster_ip_of_the_node(item, scenario)] == []

    def _check_that_nothing_is_to_do(self, held: Ruleset) -> None:
        """Another process that is started now does nothing but forget records that lead nowhere."""
        ruleset, dataplane = self._compiler.ruleset(), self._compiler.dataplane()
        stale = self._count_of_stale(held)
        applied = self._node.run(
            lambda: Installer(self._nft, keep_scripts=None, clock=lambda: self._now).synchronize(ruleset, dataplane)
        )
        assert applied.count == 2 * stale, applied.operations
        if stale:
            self._last_held = None
            assert not self._count_of_stale(self._held())

    def _held(self, listing: _Dump | None = None) -> Ruleset:
        """What the kernel holds, as it was read when it was checked, unless clients have come since."""
        if self._last_held is None:
            ruleset = self.compilation.ruleset
            source = self._nft if listing is None else cast("Nft", listing)
            self._last_held = self._node.run(lambda: held_tables(source, ruleset)).ruleset
        return self._last_held

    def _count_of_stale(self, held: Ruleset) -> int:
        return len(_records(held)) - len(self._leading(held))

    def _leading(self, held: Ruleset) -> Records:
        """The records that lead to an endpoint now."""
        stale = {
            (command.table.family, key)
            for command in forgetting_transaction(held, self.compilation.dataplane).commands
            if isinstance(command, DeleteElements)
            for key, _data in command.elements.elements
        }
        return {key: data for key, data in _records(held).items() if key not in stale}

    def _serves_instead(self, family: str, before: Data | None, now: Data | None) -> bool:
        """Whether some service port has one endpoint and has not the other, by their numbers.

        A record does not say whose it is, so one is taken to lead somewhere as long as its endpoint serves any port of
        the Service. Who then sends a datagram from where it was sent to another endpoint is remembered with that one.
        """
        endpoints: dict[object, set[Data | None]] = {}
        for table in self.compilation.ruleset.tables:
            for item in table.sets if table.family == family else ():
                if item.name.startswith("sticky-endpoints-"):
                    for (port, number), _endpoint in item.elements:
                        endpoints.setdefault(port, set()).add((number,))
        return any(now in numbers and before not in numbers for numbers in endpoints.values())

    def _entries(self) -> set[Entry]:
        """What conntrack knows of the clients' datagrams."""
        return {
            (
                each.original.source,
                each.original.source_port,
                UdpEntry(
                    EndpointAddress(each.original.destination, each.original.destination_port),
                    EndpointAddress(each.reply.source, each.reply.source_port),
                ),
            )
            for each in self._node.connections()
            if each.protocol == "UDP"
        }

    def _check_entries(self, before: set[Entry], *, may_leave_others: bool) -> None:
        """Datagrams go on to an endpoint that serves, and no further to one that does not (S48, S49).

        Of a frontend that is gone entries are known to those who knew the frontend.
        """
        own = self._node.run(lambda: [address for family in IPFamily for address in local_addresses(family)])
        frontends = {family.family: UdpFrontends(family, own) for family in self.compilation.dataplane.families}
        left = self._entries()
        assert left <= before
        for entry in before:
            of_family = frontends[family_of(entry[2].destination.address)]
            plan = of_family.serving(entry[2].destination)
            if plan is None:
                if may_leave_others:
                    self._orphans.add(entry)
                assert entry not in left or entry in self._orphans, f"{entry} is left, and its frontend is gone"
            elif entry[2].reply_source in _all_serving(plan):
                assert entry in left, f"{entry} is gone, and its endpoint serves {plan.name}"
            elif of_family.is_stale(entry[2]):
                assert entry not in left, f"{entry} is left, and its endpoint does not serve {plan.name}"
        targets = {(each.address, each.port): each for each in self.targets(Protocol.UDP)}
        # Clients that ask different frontends may have the same port.
        there = {(address, port, *entry.destination) for address, port, entry in left}
        for conversation, (target, answer) in list(self._datagrams.items()):
            again = targets.get((target.address, target.port))
            if (*conversation.source, target.address, target.port) in there:
                assert conversation.ask() == answer
            elif again is None:
                del self._datagrams[conversation]
            else:
                new = conversation.ask()
                self._last_held = None
                assert EndpointAddress(new.address, new.port) in again.endpoints
                self._datagrams[conversation] = again, new


class _Dump:
    """What nft has listed, to be read as if from the kernel."""

    def __init__(self, text: str) -> None:
        self._objects = [item for item in json.loads(text)["nftables"] if "metainfo" not in item]

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        found = [
            item
            for item in self._objects
            for kind, body in item.items()
            if (body["family"], body["name" if kind == "table" else "table"]) == (family, name)
        ]
        return found or None


def _all_serving(plan: ServicePortPlan) -> set[EndpointAddress]:
    return {*plan.cluster_endpoints, *plan.local_endpoints, *plan.also_serving}


def _with(ruleset: Ruleset, leftovers: Ruleset) -> Ruleset:
    more = {table.family: table for table in leftovers.tables}
    return Ruleset(
        tuple(united(table, more[table.family]) if table.family in more else table for table in ruleset.tables)
    )


def _without_records(listed: list[dict[str, Any]]) -> list[str]:
    for item in listed:
        if item.get("map", {}).get("name") == "affinity":
            item["map"].pop("elem", None)
    return comparable([item for item in listed if "metainfo" not in item])


def _records(held: Ruleset) -> Records:
    return {
        (table.family, key): data
        for table in held.tables
        for item in table.sets
        if item.name == "affinity"
        for key, data in item.elements
    }
