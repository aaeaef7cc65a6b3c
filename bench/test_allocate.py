"""How long allocation takes, beside reading the same input with `json.load`."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import VERSION, cluster_file
from svcc import Allocation, AllocationSettings, Cluster, allocate, load
from svcc.manifest.amend import amend

SETTINGS = AllocationSettings(service_cidrs=["10.0.0.0/10"], service_node_port_range="20000-60000")
MOST = 4.0
"""How many times as long as `json.load` allocation may take."""


def unallocated_file(folder: Path, services: int) -> Path:
    """The cluster of `cluster_file` without any number that an API server gives."""
    path = folder / f"unallocated-{services}-v{VERSION}.json"
    if not path.exists():
        document = json.loads(cluster_file(folder, services).read_text())
        for item in document["items"]:
            if item["kind"] == "Service":
                spec = item["spec"]
                for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
                    spec.pop(name, None)
                for port in spec["ports"]:
                    port.pop("nodePort", None)
        path.write_text(json.dumps(document, indent=4))
    return path


@pytest.fixture
def _without_garbage_collection() -> Iterator[None]:
    """As on the command line; otherwise a walk over the whole cluster now and then is most of what is measured."""
    gc.disable()
    yield
    gc.enable()


def seconds(function: Callable[[], Any], rounds: int = 3) -> float:
    """The shortest of some runs, in seconds of this process."""
    taken = []
    for _ in range(rounds):
        start = process_time()
        function()
        taken.append(process_time() - start)
    return min(taken)


@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("services", [1_000, 10_000, 30_000])
def test_allocate(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = f"allocation, {services} Services"
    path = unallocated_file(clusters, services)
    text = path.read_text()
    cluster = load([str(path)]).cluster
    allocation: Allocation = benchmark.pedantic(allocate, args=(cluster, SETTINGS), rounds=3, warmup_rounds=1)
    assert allocation.problems == ()
    assert len({each.cluster_ips for each in allocation.cluster.services}) == services
    reading = seconds(lambda: json.loads(text))
    benchmark.extra_info["times json.load"] = giving = seconds(lambda: allocate(cluster, SETTINGS)) / reading
    completed = allocation.cluster
    benchmark.extra_info["times json.load, again"] = again = seconds(lambda: allocate(completed, SETTINGS)) / reading
    assert giving <= MOST
    assert again <= MOST


@pytest.mark.usefixtures("_without_garbage_collection")
def test_a_range_that_is_almost_full_takes_no_longer(clusters: Path) -> None:
    cluster = load([str(unallocated_file(clusters, 10_000))]).cluster
    node_ports = {"service_node_port_range": "20000-60000"}
    roomy = AllocationSettings(service_cidrs=["10.0.0.0/10"], **node_ports)
    tight = AllocationSettings(service_cidrs=["10.0.0.0/19", "10.1.0.0/21"], **node_ports)
    assert allocate(cluster, tight).problems == ()
    assert seconds(lambda: allocate(cluster, tight)) < 2 * seconds(lambda: allocate(cluster, roomy))


@pytest.mark.usefixtures("_without_garbage_collection")
def test_what_does_not_fit_is_refused_no_slower(clusters: Path) -> None:
    cluster = Cluster(load([str(unallocated_file(clusters, 10_000))]).cluster.services)
    roomy = seconds(lambda: allocate(cluster, SETTINGS))
    full = AllocationSettings(service_cidrs=["10.0.0.0/28"], service_node_port_range="30000-30010")
    assert len(allocate(cluster, full).problems) > 9_900
    assert seconds(lambda: allocate(cluster, full)) < 2 * roomy


@pytest.mark.parametrize("indent", [None, 1], ids=["one line", "indented"])
def test_completed_manifests_of_one_line_beside_indented_ones(
    benchmark: BenchmarkFixture, tmp_path: Path, indent: int | None
) -> None:
    items = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}"}, "spec": {"ports": [{"port": 80}]}}
        for number in range(2_000)
    ]
    path = tmp_path / "services.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=indent))
    text = path.read_text()
    allocation = allocate(load([str(path)]).cluster, SETTINGS)
    wanted = (text, str(path), allocation.assignments, allocation.cluster.services, "default")
    written = benchmark.pedantic(amend, wanted, rounds=1)
    assert written.problems == ()
