"""Connections are counted for each frontend: exactly, beside the table that serves, and whatever endpoints do."""

from __future__ import annotations

import json
import re

import pytest
from attrs import define, field

from svcc.addresses import IPFamily
from svcc.apply.held import TABLES
from svcc.apply.installer import Installer
from svcc.apply.nft import open_nft
from svcc.apply.program import Program as NftProgram
from svcc.apply.session import Nft
from svcc.auditing.audit import audit
from svcc.auditing.finding import Verdict
from svcc.cli import run
from svcc.fields import ObjectReference
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import EndpointPort
from svcc.model.service import Service, ServicePort
from svcc.nft.json import commands
from svcc.nft.objects import Ruleset
from svcc.nft.text import script
from svcc.nft.transaction import transaction
from svcc.node.service_counters import ServiceCounters
from svcc.node.watch import TableWatch
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Hook
from svcc.trace.packet import Packet as TracedPacket
from tests.declare import NODE, PODS, SERVICE_CIDRS, remote, service, slices
from tests.kernel.network import Node
from tests.kernel.nft_versions import Program as Version
from tests.kernel.packets import Packet

pytestmark = pytest.mark.kernel

CLUSTER_IPS = {IPFamily.IPV4: "10.96.0.1", IPFamily.IPV6: "fd00:96::1"}
REFUSED = "10.96.0.9"
EXTERNAL_IP = "198.18.0.2"
CLIENT = {IPFamily.IPV4: "203.0.113.7", IPFamily.IPV6: "2001:db8::7"}
OWN = {IPFamily.IPV4: "192.168.0.10", IPFamily.IPV6: "fd00:1::10"}
NODE_PORT = 30080
HTTP, DNS = EndpointPort(8080, "http"), EndpointPort(8053, "dns", "UDP")
each_family = pytest.mark.parametrize("family", list(IPFamily), ids=str)


def web() -> Service:
    return service(
        "web",
        list(CLUSTER_IPS.values()),
        ServicePort(80, "http", node_port=NODE_PORT),
        ServicePort(53, "dns", protocol="UDP", node_port=NODE_PORT),
        type="NodePort",
        external_ips=[EXTERNAL_IP],
    )


def pods(*numbers: int) -> list[ClusterObject]:
    endpoints = [remote(f"{prefix}{number}") for number in numbers for prefix in ("10.244.1.", "fd00:10:244:1::")]
    return list(slices("web", endpoints, HTTP, DNS))


@define
class Counting:
    """A node whose connections are counted."""

    node: Node
    nft: Nft
    compiler: IncrementalCompiler = field(factory=lambda: IncrementalCompiler("node-a", PODS, service_counters=True))
    declared: set[ObjectReference] = field(factory=set)
    counters: ServiceCounters = field(init=False)
    installer: Installer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all but what the kernel holds."""
        self.installer = Installer(self.nft, keep_scripts=None)
        ticks = iter(range(0, 10_000, 100))
        self.counters = ServiceCounters(clock=lambda: float(next(ticks)))
        for service_port in self.compiler.dataplane().families[0].service_ports:
            if service_port.service is not None:
                self.counters.replace(service_port.service, self.compiler.plans_by_family(service_port.service))

    def declare(self, *objects: ClusterObject) -> None:
        """Only these are there from now on; the kernel is not read."""
        declared = {item.reference for item in objects}
        gone = [Change(item, None) for item in self.declared - declared]
        self.declared = declared
        update = self.compiler.update([*gone, *map(Change.to, objects)])
        for change in update.services:
            self.counters.replace(change.service, self.compiler.plans_by_family(change.service))
        self.node.run(lambda: self.installer.advance(update))

    def synchronize(self) -> int:
        """Read the kernel and make it right; how many operations that took."""
        compiler = self.compiler
        return self.node.run(lambda: self.installer.synchronize(compiler.ruleset(), compiler.dataplane())).count

    def counted(self) -> dict[str, int]:
        """What each frontend that somebody asked for was asked for."""
        found = self.node.run(self.counters.connections)
        return {f"{each.name.protocol.value} {each.frontend}": each.connections for each in found if each.connections}


@pytest.fixture
def counting(node: Node) -> Counting:
    made = Counting(node, node.run(open_nft))
    objects = [NODE, SERVICE_CIDRS, web(), service("idle", [REFUSED]), *pods(1, 2)]
    made.compiler.update(map(Change.to, objects))
    made.declared = {item.reference for item in objects}
    made.restart()
    made.synchronize()
    return made


def everything(*numbers: int) -> list[ClusterObject]:
    return [NODE, SERVICE_CIDRS, web(), service("idle", [REFUSED]), *pods(*numbers)]


def written(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@each_family
def test_each_connection_counts_once_for_its_frontend(counting: Counting, family: IPFamily) -> None:
    node, client, cluster_ip = counting.node, CLIENT[family], CLUSTER_IPS[family]
    for entry in ("outside", "output"):
        for _ in range(3):
            node.connect(cluster_ip, 80, source=client if entry == "outside" else None, entry=entry)
    for _ in range(2):
        node.connect(OWN[family], NODE_PORT, source=client)
    with node.conversation(cluster_ip, 53, source=client, protocol="UDP") as opened:
        for _ in range(5):
            opened.ask()
    wildcard = "0.0.0.0" if family is IPFamily.IPV4 else "::"
    assert counting.counted() == {
        f"TCP {written(cluster_ip, 80)}": 6,
        f"TCP {written(wildcard, NODE_PORT)}": 2,
        f"UDP {written(cluster_ip, 53)}": 1,
    }


def test_datagrams_that_nobody_answers_are_one_connection(counting: Counting) -> None:
    client = CLIENT[IPFamily.IPV4]
    packet = Packet(
        protocol="UDP", source=client, destination=EXTERNAL_IP, destination_port=53, source_port=4000, entry="outside"
    )
    for _ in range(5):
        counting.node.send(packet, fresh=False)
    assert counting.counted() == {f"UDP {EXTERNAL_IP}:53": 1}


def test_each_try_counts_where_nobody_serves(counting: Counting) -> None:
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            counting.node.connect(REFUSED, 80, source=CLIENT[IPFamily.IPV4])
    assert counting.counted() == {f"TCP {REFUSED}:80": 3}


def test_all_frontends_are_told_also_those_that_nobody_asked_for(counting: Counting) -> None:
    found = counting.node.run(counting.counters.connections)
    assert sorted(each.labels for each in found) == sorted(
        ("default", *labels)
        for labels in (
            *(("web", "http", "TCP", place) for place in ("10.96.0.1:80", "[fd00:96::1]:80", "198.18.0.2:80")),
            *(("web", "http", "TCP", place) for place in ("0.0.0.0:30080", "[::]:30080")),
            *(("web", "dns", "UDP", place) for place in ("10.96.0.1:53", "[fd00:96::1]:53", "198.18.0.2:53")),
            *(("web", "dns", "UDP", place) for place in ("0.0.0.0:30080", "[::]:30080")),
            ("idle", "http", "TCP", "10.96.0.9:80"),
        )
    )


def test_counts_outlive_changes_of_endpoints_and_the_process(counting: Counting) -> None:
    place = f"TCP {CLUSTER_IPS[IPFamily.IPV4]}:80"
    for number in (1, 2, 3):
        counting.declare(*everything(*range(1, number + 1)))
        counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])
        assert counting.counted() == {place: number}
    counting.restart()
    assert counting.counted() == {place: 3}
    # What the changes left behind for packets under way goes; the table of counters is as it was.
    counting.synchronize()
    counting.restart()
    assert counting.synchronize() == 0
    assert counting.counted() == {place: 3}


def test_sums_go_on_where_somebody_has_flushed_the_counters(counting: Counting) -> None:
    place = f"TCP {CLUSTER_IPS[IPFamily.IPV4]}:80"

    def connect() -> None:
        counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])

    watch = counting.node.run(lambda: TableWatch(TABLES))
    connect()
    assert counting.counted() == {place: 1}
    counting.node.nft("flush", "set", "ip", "svcc-counters", "counted-frontends")
    assert (change := watch.poll()) is not None
    assert list(map(str, change.tables)) == ["ip svcc-counters"]
    watch.close()
    assert counting.counted() == {place: 1}
    assert counting.synchronize()
    connect()
    connect()
    assert counting.counted() == {place: 3}
    counting.node.nft("delete", "table", "ip", "svcc-counters")
    assert counting.counted() == {place: 3}
    assert counting.synchronize()
    connect()
    assert counting.counted() == {place: 4}


def test_a_frontend_that_another_service_gets_begins_with_zero(counting: Counting) -> None:
    counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])
    other = service("other", [CLUSTER_IPS[IPFamily.IPV4]])
    counting.declare(NODE, SERVICE_CIDRS, other, *slices("other", [remote("10.244.1.1")]))
    assert counting.counted() == {}
    counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])
    assert [each.labels[1] for each in counting.node.run(counting.counters.connections) if each.connections] == [
        "other"
    ]


def test_without_the_option_the_table_goes_and_all_else_stays(counting: Counting) -> None:
    counting.compiler = IncrementalCompiler("node-a", PODS)
    counting.compiler.update(map(Change.to, everything(1, 2)))
    counting.restart()
    assert counting.synchronize() == 2
    assert "svcc-counters" not in counting.node.nft("list", "tables")
    assert counting.synchronize() == 0


def test_cleanup_removes_the_counters(counting: Counting) -> None:
    counting.node.nft("add", "table", "ip", "somebody")
    assert counting.node.run(lambda: run(["cleanup", "-q"])) == 0
    assert counting.node.nft("list", "tables").split("\n") == ["table ip somebody", ""]


@pytest.mark.parametrize("form", ["text", "json"])
def test_audits_and_traces_of_a_dump_are_as_without_counters(counting: Counting, form: str, nft: Version) -> None:
    counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])
    dump = counting.node.nft(*(["-j"] if form == "json" else []), "list", "ruleset", nft=nft)
    assert "svcc-counters" in dump
    alone = "".join(counting.node.nft("list", "table", family, "svcc") for family in ("ip", "ip6"))
    audited, expected = (
        audit(each, Cluster.of(everything(1, 2)), node="node-a", settings=PODS) for each in (dump, alone)
    )
    assert audited.verdict is expected.verdict is Verdict.PROVED
    assert [each.message for each in audited.findings] == [each.message for each in expected.findings]
    plain = Evaluator(alone)
    hooks: tuple[tuple[int, Hook], ...] = ((80, "prerouting"), (81, "prerouting"), (80, "output"))
    for port, hook in hooks:
        packet = TracedPacket("TCP", CLIENT[IPFamily.IPV4], CLUSTER_IPS[IPFamily.IPV4], 40000, port, hook=hook)
        assert Evaluator(dump).evaluate(packet, steps=False) == plain.evaluate(packet, steps=False)


def test_each_nft_finds_that_nothing_is_to_be_done(counting: Counting, nft: Version) -> None:
    counting.node.connect(CLUSTER_IPS[IPFamily.IPV4], 80, source=CLIENT[IPFamily.IPV4])
    counting.installer = Installer(NftProgram(nft.command), keep_scripts=None)
    assert counting.synchronize() == 0
    counting.node.nft("flush", "ruleset")
    assert counting.synchronize()
    assert counting.synchronize() == 0


def test_the_table_is_the_same_as_text_as_json_and_as_commands(counting: Counting, nft: Version) -> None:
    tables = tuple(table for table in counting.compiler.ruleset().tables if table.name == "svcc-counters")
    ruleset = Ruleset(tables)
    listings = []
    for arguments, text in (
        (("-f", "-"), "".join(script(ruleset))),
        # JSON has had typeof since nft 1.1.2.
        *([(("-j", "-f", "-"), json.dumps(commands(ruleset)))] if nft.version >= (1, 1, 2) else []),
        (("-f", "-"), transaction(Ruleset(()), ruleset).script),
    ):
        counting.node.nft("flush", "ruleset")
        counting.node._nft(nft, arguments, text)
        listed = counting.node.nft("list", "ruleset", nft=nft).splitlines()
        # The kernel keeps how a set was declared for nft to print, and nft tells it so for text only.
        listings.append(sorted(line.strip(" ,\t") for line in listed if not re.match(r"\t\ttype(of)? .*", line)))
    assert sum("counter packets 0 bytes 0" in line for line in listings[0]) >= 11
    assert all(listing == listings[0] for listing in listings)
