"""What counters of connections cost: packets with and without them, and reading them.

Packets are sent by the node itself, to cluster IPs behind which an interface drops them, and for connections that
exist, a socket of the node. CPU time of the thread that sends is compared, which includes all that the kernel does with
a packet; rounds with and without the table of counters take turns.
"""

from __future__ import annotations

import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svcc.apply.cold_start import cold_start
from svcc.apply.nft import open_nft
from svcc.apply.session import Nft
from svcc.compiler.compilation import compile_cluster
from svcc.compiler.layout import COUNTERS_TABLE
from svcc.compiler.ruleset import build_ruleset
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import Service, ServicePort
from svcc.netlink import NETFILTER, NetlinkSocket, netfilter_header
from svcc.nft.objects import Ruleset
from svcc.node.counter_dump import read_counters
from svcc.node.metrics import NodeMetrics
from svcc.node.reporter import starting_state
from svcc.node.service_counters import ServiceCounters
from svcc.node.state import Clock, Published
from tests.kernel.namespace import NetworkNamespace

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(1_800)]

ROUNDS, PACKETS, SERVICES = 15, 8_000, 1_000
OWN = "192.168.0.10"
FORGET = 1 << 8 | 2


def cluster_ip(number: int) -> str:
    return f"10.96.{number >> 8}.{number & 255}"


def objects(count: int) -> Iterator[ClusterObject]:
    """UDP Services with an endpoint each: that of the first is on the node, the others' are elsewhere."""
    for number in range(count):
        name, address = f"service-{number}", OWN if number == 0 else f"10.244.{number >> 8}.{number & 255}"
        yield Service(name, cluster_ips=[cluster_ip(number)], ports=[ServicePort(53, "dns", protocol="UDP")])
        yield EndpointSlice(
            name, service_name=name, endpoints=[Endpoint([address])], ports=[EndpointPort(53, "dns", "UDP")]
        )


def of_counters(ruleset: Ruleset) -> Ruleset:
    return Ruleset(tuple(table for table in ruleset.tables if table.name == COUNTERS_TABLE))


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace()
    made.ip("link set lo up", "link add out0 type veth peer name far0", f"address add {OWN}/24 dev out0")
    # Without a neighbour's address, whoever gets the packets drops them at once.
    made.ip("link set out0 arp off up", "link set far0 up")
    made.wait_until_running("out0")
    made.ip("route add default dev out0")
    with made.entered():
        yield made
    made.close()


def install(nft: Nft, ruleset: Ruleset) -> None:
    for each in cold_start(ruleset):
        nft.run(each.script)


def new_connections() -> float:
    """CPU seconds for each packet, each of which begins a connection."""
    spent = 0.0
    for _ in range(PACKETS // (SERVICES - 1)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            places = [(cluster_ip(number), 53) for number in range(1, SERVICES)]
            begun = time.thread_time()
            for place in places:
                sending.sendto(b"", place)
            spent += time.thread_time() - begun
    with NetlinkSocket(NETFILTER) as asking:
        assert asking.tell(FORGET, [netfilter_header(socket.AF_INET)]) == [0]
    return spent / (PACKETS // (SERVICES - 1) * (SERVICES - 1))


def existing_connection() -> float:
    """CPU seconds for each packet of a connection that has been answered."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
    ):
        serving.bind((OWN, 53))
        serving.settimeout(5)
        sending.settimeout(5)
        sending.connect((cluster_ip(0), 53))
        sending.send(b"?")
        serving.sendto(b"!", serving.recvfrom(1)[1])
        assert sending.recv(1) == b"!"
        begun = time.thread_time()
        for _ in range(PACKETS):
            sending.send(b"")
        return (time.thread_time() - begun) / PACKETS


@pytest.mark.parametrize("work", [new_connections, existing_connection])
@pytest.mark.usefixtures("namespace")
def test_packets(benchmark: BenchmarkFixture, work: Callable[[], float]) -> None:
    benchmark.group = "counters of connections"
    nft = open_nft()
    compilation = compile_cluster(Cluster.of(objects(SERVICES)))
    install(nft, compilation.ruleset)
    counters = of_counters(build_ruleset(compilation.dataplane, service_counters=True))
    found: dict[bool, list[float]] = {False: [], True: []}
    work()
    for _ in range(ROUNDS):
        install(nft, counters)
        found[True].append(work())
        for table in counters.tables:
            nft.run(f"delete table {table.family} {table.name}\n")
        found[False].append(work())
    ratios = [one / other for one, other in zip(found[True], found[False], strict=True)]
    medians = {each: 1e6 * statistics.median(times) for each, times in found.items()}
    words = (
        f"{medians[True]:.2f} microseconds of CPU for a packet with counters, {medians[False]:.2f} without: "
        f"{medians[True] / medians[False]:.3f} of that, in pairs {statistics.median(ratios):.3f}"
    )
    benchmark.extra_info[work.__name__] = words
    sys.stderr.write(f"\n{work.__name__}: {words}\n")
    benchmark.pedantic(lambda: None)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("count", [1_000, 30_000])
@pytest.mark.usefixtures("namespace")
def test_reading(benchmark: BenchmarkFixture, count: int) -> None:
    benchmark.group = "reading counters of connections"
    nft = open_nft()
    compiler = IncrementalCompiler("", ClusterSettings(), service_counters=True)
    compiler.update(map(Change.to, islice(objects(count), 0, None)))
    counters = ServiceCounters(clock=iter(range(0, 1_000_000, 60)).__next__)
    for plan in compiler.dataplane().families[0].service_ports:
        assert plan.service is not None
        counters.replace(plan.service, compiler.plans_by_family(plan.service))
    install(nft, of_counters(compiler.ruleset()))
    told = []
    metrics = NodeMetrics(Published(starting_state("", "", "", Clock())), service_counters=counters)
    for name, work in (
        ("read", read_counters),
        ("add up", counters.connections),
        ("metrics", metrics.exposition),
        ("libnftables", lambda: nft.list_table("ip", COUNTERS_TABLE)),
    ):
        work()
        begun = time.process_time()
        work()
        told.append(f"{name} {1e3 * (time.process_time() - begun):.0f} ms of CPU")
    benchmark.extra_info[f"{count} frontends"] = "; ".join(told)
    sys.stderr.write(f"\n{count} frontends: {'; '.join(told)}\n")
    benchmark.pedantic(lambda: None)  # type: ignore[no-untyped-call]
