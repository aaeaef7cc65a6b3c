"""How long it takes until rules are loaded where there were none, and how much memory: svcc's, and others' of the same.

Each load is a process and a network namespace of its own. `nft -f` of svcc's compiled script is what all are compared
with, in seconds of the processor, the kernel's work included, which other work on the machine adds little to. Memory is
the process's; what the kernel keeps is not in it. `svcc apply` also reads the manifests and compiles them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, cluster_file
from bench.contenders import CONTENDERS, NODE, Contender, Loading, input_file, load_into
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

SIZES = [100, 1_000, 10_000, 30_000]
ROUNDS = 3
FEW_SECONDS = 10
"""What took longer is not done again."""
YARDSTICK = "svcc"
LOADERS = [contender for contender in CONTENDERS if contender.translates]

Table = dict[str, tuple[str, Loading]]


@pytest.fixture(scope="module")
def tables() -> Iterator[dict[int, Table]]:
    """What was measured, by size and name; told when all is done."""
    tables: dict[int, Table] = {}
    yield tables
    for services, table in tables.items():
        sys.stderr.write(f"\n{services} Services, from nothing: s of the processor, on the clock, of svcc's, peak MB\n")
        yardstick = table[YARDSTICK][1].processor_seconds if YARDSTICK in table else float("nan")
        for name, (note, took) in table.items():
            ratio = took.processor_seconds / yardstick
            figures = f"{took.processor_seconds:8.2f}{took.seconds:8.2f}{ratio:8.2f}{took.peak_megabytes:7}"
            sys.stderr.write(f"  {name:<28}{figures}  {note}\n")


def told(
    benchmark: BenchmarkFixture, tables: dict[int, Table], services: int, name: str, took: list[Loading], note: str = ""
) -> None:
    summary = Loading(
        median(each.seconds for each in took),
        median(each.processor_seconds for each in took),
        max(each.peak_megabytes for each in took),
    )
    tables.setdefault(services, {})[name] = note, summary
    benchmark.extra_info["processor seconds"] = round(summary.processor_seconds, 3)
    benchmark.extra_info["peak MB"] = summary.peak_megabytes


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("contender", LOADERS, ids=lambda contender: contender.name)
@pytest.mark.parametrize("services", SIZES)
def test_cold_start(
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
    clusters: Path,
    tables: dict[int, Table],
    services: int,
    contender: Contender,
) -> None:
    benchmark.group = f"cold start, {services} Services"
    if absence := contender.absence(services, patient=bool(request.config.getoption("--large"))):
        pytest.skip(absence)
    command = (*contender.command, str(input_file(clusters, contender, services)))
    took: list[Loading] = []

    def once(namespace: NetworkNamespace) -> None:
        took.append(load_into(namespace, command))

    with_each_namespace(benchmark, once, took)
    told(benchmark, tables, services, contender.name, took, " ".join(contender.command[:2]))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("services", SIZES)
def test_svcc_apply(
    benchmark: BenchmarkFixture, clusters: Path, tmp_path: Path, tables: dict[int, Table], services: int
) -> None:
    """The whole command; and once more, when there is nothing to do but to read what the kernel holds."""
    benchmark.group = f"cold start, {services} Services"
    command = [sys.executable, "-m", "svcc", "apply", "-q", "-f", str(cluster_file(clusters, services))]
    command += ["--node", NODE, "--cluster-cidr", POD_CIDR, "-o", "json"]
    output = tmp_path / "applied.json"
    took: list[Loading] = []
    again: list[Loading] = []
    transactions: list[float] = []

    def once(namespace: NetworkNamespace) -> None:
        took.append(load_into(namespace, command, output))
        first = json.loads(output.read_text())
        again.append(load_into(namespace, command, output))
        assert first["changed"]
        assert not json.loads(output.read_text())["changed"]
        transactions.append(first["seconds"])

    with_each_namespace(benchmark, once, took)
    note = f"with manifests; transactions {median(transactions):.2f} s on the clock"
    told(benchmark, tables, services, "svcc apply, once more", again, "reads the kernel, and does nothing")
    told(benchmark, tables, services, "svcc apply", took, note)


def with_each_namespace(benchmark: BenchmarkFixture, once: object, took: list[Loading]) -> None:
    """Rounds, each in a namespace of its own: three, or one of what takes long."""
    assert callable(once)

    def rounds() -> None:
        while len(took) < ROUNDS and not any(each.seconds > FEW_SECONDS for each in took):
            namespace = NetworkNamespace()
            try:
                once(namespace)
            finally:
                namespace.close()

    benchmark.pedantic(rounds, rounds=1)
