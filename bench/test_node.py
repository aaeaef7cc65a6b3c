"""How long a change takes with `svcc node`, from the event on its standard input to the commit in the kernel.

Nodes of all sizes run at once, and take turns with the same changes, so that whatever else the machine does befalls all
of them. What is measured is all there is: reading JSON, validating, compiling, libnftables, and the kernel's work.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import cluster_file, endpoint_address, endpoint_slice, service
from bench.node_process import NodeProcess, event

pytestmark = pytest.mark.kernel

SIZES = [1_000, 10_000, 30_000]
ROUNDS = 200
REST_SECONDS = 0.005
_NEW_SERVICE, _NEW_ENDPOINT = 50_001, 100_000
"""Beyond those that there are; Services whose number ends in 1 have a cluster IP alone."""


@pytest.fixture(scope="module")
def nodes(clusters: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, NodeProcess]]:
    with ExitStack() as resources:
        running = {}
        for services in SIZES:
            items = json.loads(cluster_file(clusters, services).read_text())["items"]
            folder = tmp_path_factory.mktemp(f"node-{services}")
            running[services] = resources.enter_context(NodeProcess(items, folder))
        yield running


def changes(services: int, number: int) -> Iterator[tuple[str, bytes]]:
    """One change of each kind; at the end all is as before, but for one endpoint."""
    # All over the place, lest neighbours in memory follow each other; load balancers are left out.
    chosen = number * 2654435761 % 2**32 % (services // 10) * 10 + 3
    slices = endpoint_slice(chosen)
    first = slices["endpoints"][0]
    first["addresses"] = [endpoint_address(_NEW_ENDPOINT + number, 0)]
    yield "endpoint replaced", event("MODIFIED", slices)
    unready: dict[str, Any] = copy.deepcopy(slices)
    unready["endpoints"][0]["conditions"] |= {"ready": False, "serving": False}
    yield "ready -> not ready", event("MODIFIED", unready)
    yield "not ready -> ready", event("MODIFIED", slices)
    new = service(_NEW_SERVICE + 10 * number), endpoint_slice(_NEW_SERVICE + 10 * number)
    yield "new Service", b"".join(event("ADDED", item) for item in new)
    yield "deleted Service", b"".join(event("DELETED", item) for item in new)


@pytest.mark.timeout(3600)
def test_changes(benchmark: BenchmarkFixture, nodes: dict[int, NodeProcess]) -> None:
    benchmark.group = "changes, in turns"
    clock: dict[tuple[str, int], list[float]] = defaultdict(list)
    processor: dict[tuple[str, int], list[float]] = defaultdict(list)

    def take_turns() -> None:
        for number in range(ROUNDS):
            offered = {services: list(changes(services, number)) for services in nodes}
            for steps in zip(*offered.values(), strict=True):
                for (services, node), (kind, told) in zip(nodes.items(), steps, strict=True):
                    seconds, used = node.changed(told)
                    clock[kind, services].append(seconds * 1e3)
                    processor[kind, services].append(used * 1e3)
                    time.sleep(REST_SECONDS)

    benchmark.pedantic(take_turns, rounds=1)
    sys.stderr.write(
        f"\n{ROUNDS} changes of each kind, from event to commit: ms on the clock p50 p99, of the processor p50\n"
    )
    for kind in dict.fromkeys(kind for kind, _ in clock):
        line = [f"  {kind:<20}"]
        for services in nodes:
            taken, used = clock[kind, services], median(processor[kind, services])
            p99 = quantiles(taken, n=100)[98]
            line.append(f"{services:>8}:{median(taken):7.2f}{p99:8.2f}{used:7.2f}")
            benchmark.extra_info[f"{kind}, {services}: p50, p99, processor p50 ms"] = [
                round(each, 2) for each in (median(taken), p99, used)
            ]
        smallest, largest = (median(processor[kind, each]) for each in (min(nodes), max(nodes)))
        line.append(f"   largest/smallest {largest / smallest:.2f}")
        sys.stderr.write("".join(line) + "\n")


def test_start_and_memory(benchmark: BenchmarkFixture, nodes: dict[int, NodeProcess]) -> None:
    """Told here, measured when the nodes were started, and after their changes."""
    benchmark.group = "start and memory"
    benchmark.pedantic(lambda: None, rounds=1)
    sys.stderr.write("\nsvcc node: start in s on the clock and of the processor, MB now and at most\n")
    for services, node in nodes.items():
        now, most = node.megabytes("VmRSS"), node.megabytes("VmHWM")
        figures = [round(node.start_seconds, 2), round(node.start_processor_seconds, 2), now, most]
        sys.stderr.write(f"  {services:>8}: {figures}\n")
        benchmark.extra_info[f"{services} Services: s, processor s, MB, most MB"] = figures
