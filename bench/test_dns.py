"""How long `svcc dns` takes, as a multiple of what `json.load` needs for the same file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import cluster_file
from bench.test_compile import loaded
from svcc.dns.lookup import NameIndex
from svcc.dns.records import dns_records
from svcc.manifest.load import load

SIZES = (1_000, 10_000, 30_000)


def named(path: Path, *arguments: str) -> None:
    """Every zone into files: three records for each Service."""
    folder = path.with_suffix(".zones")
    command = [sys.executable, "-m", "svcc", "dns", "-q", "-f", str(path), *arguments, "--output-dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def named_as_coredns(path: Path) -> None:
    """The same with the names of all endpoints: fifteen records for each Service."""
    named(path, "--flavour", "coredns")


@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize(
    "what", [loaded, named, named_as_coredns], ids=["json.load", "svcc dns", "svcc dns --flavour coredns"]
)
def test_dns(benchmark: BenchmarkFixture, clusters: Path, services: int, what: Callable[[Path], None]) -> None:
    benchmark.group = f"dns {services} Services"
    path = cluster_file(clusters, services)
    benchmark.pedantic(what, args=(path,), rounds=5 if services <= 10_000 else 3, warmup_rounds=1)
    benchmark.extra_info["megabytes of JSON"] = round(path.stat().st_size / 1e6, 1)


@pytest.mark.parametrize("services", SIZES[:2])
def test_records_of_loaded_objects(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = "dns, records of loaded objects"
    objects = load([str(cluster_file(clusters, services))])
    benchmark.pedantic(dns_records, args=(objects,), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("services", SIZES[:2])
def test_thousand_questions(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    """The time of an answer does not depend on the number of Services."""
    benchmark.group = "dns, a thousand questions"
    index = NameIndex(dns_records(load([str(cluster_file(clusters, services))])))

    def ask() -> None:
        for number in range(1000):
            assert index.lookup(f"service-{number}.team-{number % 50}.svc.cluster.local", "A").records

    benchmark.pedantic(ask, rounds=5, warmup_rounds=1)
