"""How long `nft -f` takes for svcc's layout, beside a chain for every Service and endpoint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, cluster_file, node_name
from bench.layouts import chain_per_endpoint
from svcc import ClusterSettings, Compilation, load
from svcc.compiler.compilation import compile_cluster

pytestmark = pytest.mark.kernel


def compilation(clusters: Path, services: int) -> Compilation:
    cluster = load([str(cluster_file(clusters, services))]).cluster
    return compile_cluster(cluster, node=node_name(7), settings=ClusterSettings(cluster_cidrs=[POD_CIDR]))


def load_once(script: Path) -> None:
    """Load a script into a network namespace of its own."""
    subprocess.run(["unshare", "-n", "nft", "-f", str(script)], check=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("services", "rounds"), [(1_000, 5), (5_000, 3), (10_000, 3), (30_000, 3)])
def test_load_svcc(benchmark: BenchmarkFixture, clusters: Path, tmp_path: Path, services: int, rounds: int) -> None:
    benchmark.group = f"nft -f, {services} Services"
    script = tmp_path / "svcc.nft"
    script.write_text(compilation(clusters, services).script)
    benchmark.pedantic(load_once, args=(script,), rounds=rounds)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("services", "rounds"), [(1_000, 3), (5_000, 1)])
def test_load_chain_per_endpoint(
    benchmark: BenchmarkFixture, clusters: Path, tmp_path: Path, services: int, rounds: int
) -> None:
    benchmark.group = f"nft -f, {services} Services"
    script = tmp_path / "chains.nft"
    script.write_text("".join(chain_per_endpoint(compilation(clusters, services).dataplane)))
    benchmark.pedantic(load_once, args=(script,), rounds=rounds)
