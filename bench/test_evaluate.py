"""How long packets take through the compiled ruleset, a batch in Rust beside the plain model in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, cluster_file, cluster_ip, node_name
from svcc import Cluster, ClusterSettings, load
from svcc.compiler.compilation import compile_cluster
from svcc.trace.batch import BatchVerdict, pack_packets
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet
from tests import oracle

SERVICES = [1_000, 30_000]
PACKETS = 100_000
ORACLE_PACKETS = 3
"""The plain model walks the whole cluster for each packet."""
NODE = node_name(7)
CLIENT = "10.200.0.1"
SETTINGS = ClusterSettings(cluster_cidrs=[POD_CIDR])


@pytest.fixture(scope="module", params=SERVICES)
def cluster(request: pytest.FixtureRequest, clusters: Path) -> Cluster:
    return load([str(cluster_file(clusters, request.param))]).cluster


@pytest.fixture(scope="module")
def evaluator(cluster: Cluster) -> Evaluator:
    return Evaluator(compile_cluster(cluster, node=NODE, settings=SETTINGS))


def destinations(cluster: Cluster, count: int) -> list[str]:
    """Cluster IPs all over the place, lest neighbours in memory follow each other."""
    return [cluster_ip(scattered(place) % len(cluster.services)) for place in range(count)]


def scattered(place: int) -> int:
    return place * 2654435761 % 2**32


def test_evaluate_many(benchmark: BenchmarkFixture, cluster: Cluster, evaluator: Evaluator) -> None:
    benchmark.group = f"a packet, {len(cluster.services)} Services: {PACKETS} in a batch, {ORACLE_PACKETS} in the model"
    offered = [Packet("TCP", CLIENT, address, 40000, 80) for address in destinations(cluster, PACKETS)]
    buffer = pack_packets(offered, randoms=map(scattered, range(PACKETS)))
    batch = benchmark.pedantic(evaluator.evaluate_many, args=(buffer,), rounds=5, warmup_rounds=1)
    assert set(batch.verdicts) == {BatchVerdict.DNAT}
    benchmark.extra_info["packets"] = PACKETS


def test_plain_model(benchmark: BenchmarkFixture, cluster: Cluster) -> None:
    benchmark.group = f"a packet, {len(cluster.services)} Services: {PACKETS} in a batch, {ORACLE_PACKETS} in the model"
    offered = [oracle.Packet("TCP", CLIENT, 40000, address, 80) for address in destinations(cluster, ORACLE_PACKETS)]
    facts = oracle.NodeFacts()

    def decide_all() -> list[dict[oracle.Result, object]]:
        return [dict(oracle.decide(cluster, NODE, SETTINGS, packet, facts)) for packet in offered]

    results = benchmark.pedantic(decide_all, rounds=1)
    assert all(isinstance(result, oracle.Delivery) for chances in results for result in chances)
    benchmark.extra_info["packets"] = ORACLE_PACKETS
