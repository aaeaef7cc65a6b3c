"""How long endpoint selection takes in Rust, beside the plain selection in Python, and inside a whole compilation."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import ENDPOINTS, POD_CIDR, cluster_file, node_name
from svcc import Cluster, ClusterSettings, IPFamily, load, select_endpoints
from svcc.compiler.compilation import compile_cluster
from tests.plain_selection import plain_select_endpoints

SERVICES = 10_000
NODE = node_name(7)


@pytest.fixture(scope="module")
def cluster(clusters: Path) -> Cluster:
    return load([str(cluster_file(clusters, SERVICES))]).cluster


@pytest.fixture
def _without_garbage_collection() -> Iterator[None]:
    """As on the command line; otherwise a walk over the whole cluster now and then is most of what is measured."""
    gc.disable()
    yield
    gc.enable()


def compiled(cluster: Cluster, node: str) -> str:
    """What selection is a part of: from loaded objects to the text of the ruleset."""
    return compile_cluster(cluster, node=node, settings=ClusterSettings(cluster_cidrs=[POD_CIDR])).script


@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("what", [select_endpoints, plain_select_endpoints, compiled], ids=["rust", "plain", "compile"])
def test_selection(benchmark: BenchmarkFixture, cluster: Cluster, what: Callable[[Cluster, str], object]) -> None:
    benchmark.group = f"selection, {SERVICES} Services"
    benchmark.pedantic(what, args=(cluster, NODE), rounds=5, warmup_rounds=1)


def test_both_select_the_same(cluster: Cluster) -> None:
    found = select_endpoints(cluster, NODE)
    assert found == plain_select_endpoints(cluster, NODE)
    assert {len(selection.cluster) for (_, family), selection in found.items() if family is IPFamily.IPV4} == {
        ENDPOINTS
    }
