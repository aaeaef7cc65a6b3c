"""How long YAML takes to read, as a multiple of what `json.load` needs for the same objects as JSON."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import cluster_file
from bench.yaml_clusters import yaml_file
from svcc.manifest import yaml_reader, yaml_reference
from svcc.manifest.parsed import Limits

SIZES = (1_000, 10_000, 30_000)


def from_json(path: Path) -> Any:
    """The yardstick."""
    with path.open() as stream:
        return json.load(stream)


def by_rust(path: Path) -> Any:
    (parsed,), _ = yaml_reader.read_yaml(path.read_text(), path.name, Limits())
    return parsed.value


def by_pyyaml(path: Path) -> Any:
    (parsed,), _ = yaml_reference.read_yaml(path.read_text(), path.name, Limits())
    return parsed.value


READERS = {"json.load": from_json, "Rust": by_rust, "PyYAML": by_pyyaml}


@pytest.fixture
def _without_garbage_collection() -> Iterator[None]:
    """As when manifests are loaded; otherwise walks over the new values are most of what is measured."""
    gc.disable()
    yield
    gc.enable()


def file_for(name: str, clusters: Path, services: int) -> Path:
    return (cluster_file if name == "json.load" else yaml_file)(clusters, services)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize("name", READERS)
def test_read_yaml(benchmark: BenchmarkFixture, clusters: Path, services: int, name: str) -> None:
    if name == "PyYAML" and services > SIZES[0]:
        pytest.skip("takes minutes, and is linear")
    benchmark.group = f"reading {services} Services"
    path = file_for(name, clusters, services)
    benchmark.pedantic(READERS[name], args=(path,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["megabytes"] = round(path.stat().st_size / 1e6, 1)


def test_the_yaml_says_the_same_as_the_json(clusters: Path) -> None:
    assert by_rust(yaml_file(clusters, SIZES[0])) == from_json(cluster_file(clusters, SIZES[0]))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("services", SIZES)
def test_peak_memory(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = "peak memory of reading"
    peaks = {name: _peak(name, file_for(name, clusters, services)) for name in ("json.load", "Rust")}
    benchmark.extra_info |= {f"{name} peak MB": peak for name, peak in peaks.items()}
    benchmark.pedantic(lambda: None, rounds=1)
    sys.stderr.write(f"\n{services} Services: peak memory in MB {json.dumps(peaks)}\n")


def _peak(name: str, path: Path) -> int:
    """The peak in MB of a process that reads, and of what it imports.

    Not `ru_maxrss`, which begins with what the process that started this one has, here one full of clusters.
    """
    program = (
        "import sys; from pathlib import Path; from bench.test_yaml import READERS;"
        "READERS[sys.argv[1]](Path(sys.argv[2]));"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    found = subprocess.run([sys.executable, "-c", program, name, str(path)], check=True, capture_output=True, text=True)
    return int(found.stdout) // 1024
