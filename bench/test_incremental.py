"""How long one changed slice takes in clusters of several sizes, and beside a compilation of everything.

All sizes are measured in one process, since what counts is their ratio: it is to stay near 1.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter

import pytest
from attrs import evolve
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, cluster_file, node_name
from svcc.compiler.compilation import compile_cluster
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.manifest.load import load
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.endpoints import EndpointSlice
from svcc.nft.transaction import transaction

SIZES = (1_000, 10_000, 30_000)
SETTINGS = ClusterSettings(cluster_cidrs=[POD_CIDR])
NODE = node_name(7)
UPDATES = 200


def objects_of(cluster: Cluster) -> Iterator[Change]:
    for item in (*cluster.services, *cluster.endpoint_slices, *cluster.nodes):
        yield Change.to(item)


def fewer(endpoint_slice: EndpointSlice) -> EndpointSlice:
    """One endpoint goes, so the pick chain is another one."""
    return evolve(endpoint_slice, endpoints=endpoint_slice.endpoints[:-1])


def exchanged(endpoint_slice: EndpointSlice) -> EndpointSlice:
    """One endpoint is exchanged for another."""
    *rest, last = endpoint_slice.endpoints
    return evolve(endpoint_slice, endpoints=[*rest, evolve(last, addresses=["10.255.255.254"])])


CHANGED: dict[str, Callable[[EndpointSlice], EndpointSlice]] = {"fewer": fewer, "exchanged": exchanged}


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


@pytest.mark.timeout(1_800)
def test_a_changed_slice(benchmark: BenchmarkFixture, clusters: Path) -> None:
    benchmark.group = "changed slice"
    medians: dict[tuple[str, int], float] = {}
    for size in SIZES:
        cluster = load([str(cluster_file(clusters, size))]).cluster
        everything = _seconds(lambda cluster=cluster: compile_cluster(cluster, node=NODE, settings=SETTINGS))  # type: ignore[misc]
        compiler = IncrementalCompiler(NODE, SETTINGS)
        first = _seconds(lambda compiler=compiler, cluster=cluster: compiler.update(objects_of(cluster)))  # type: ignore[misc]
        gc.collect()
        # What a long-running process does, too: what stays is not looked at in every collection.
        gc.freeze()
        slices = islice(cluster.endpoint_slices, 0, None, size // UPDATES)
        for what, changed in CHANGED.items():
            batches = [[Change.to(changed(item))] for item in islice(slices, UPDATES // 2)]
            seconds = []
            for batch in batches:
                start = perf_counter()
                update = compiler.update(batch)
                commands = transaction(update.before, update.after)
                seconds.append(perf_counter() - start)
                assert commands
            medians[what, size] = statistics.median(seconds)
            benchmark.extra_info[f"{size} Services, {what}"] = (
                f"p50 {1e3 * medians[what, size]:.2f} ms, p99 {1e3 * statistics.quantiles(seconds, n=100)[-1]:.2f} ms, "
                f"{medians[what, size] / medians[what, SIZES[0]]:.2f} of that at {SIZES[0]}; "
                f"everything {everything:.2f} s, first update {first:.2f} s"
            )
        gc.unfreeze()
    for line in benchmark.extra_info.items():
        sys.stderr.write(f"\n{line[0]}: {line[1]}")
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("size", SIZES)
def test_memory(benchmark: BenchmarkFixture, clusters: Path, size: int) -> None:
    """The objects of Python that are held, beside those of the cluster itself, which somebody holds in any case."""
    benchmark.group = "memory"
    cluster = load([str(cluster_file(clusters, size))]).cluster
    tracemalloc.start()
    compiler = IncrementalCompiler(NODE, SETTINGS)
    compiler.update(objects_of(cluster))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert compiler.dataplane().families[0].service_ports
    benchmark.extra_info |= {"held MB": round(held / 1e6, 1), "peak MB": round(peak / 1e6, 1)}
    sys.stderr.write(
        f"\n{size} Services: {held / 1e6:.1f} MB held, {peak / 1e6:.1f} MB at the peak of the first update\n"
    )
    benchmark.pedantic(lambda: None, rounds=1)
