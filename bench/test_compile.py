"""How long `svcc compile` takes, as a multiple of what `json.load` needs for the same file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, cluster_file, node_name

SIZES = (100, 1_000, 10_000, 30_000)


def compiled(path: Path) -> None:
    arguments = [sys.executable, "-m", "svcc", "compile", "-q", "-f", str(path), "--node", node_name(7)]
    subprocess.run([*arguments, "--cluster-cidr", POD_CIDR], check=True, stdout=subprocess.DEVNULL)


def loaded(path: Path) -> None:
    """The yardstick: a process that does nothing but `json.load`."""
    program = "import json, sys; json.load(open(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize("what", [loaded, compiled], ids=["json.load", "svcc compile"])
def test_compile(benchmark: BenchmarkFixture, clusters: Path, services: int, what: object) -> None:
    benchmark.group = f"compile {services} Services"
    path = cluster_file(clusters, services)
    assert callable(what)
    benchmark.pedantic(what, args=(path,), rounds=5 if services <= 10_000 else 3, warmup_rounds=1)
    benchmark.extra_info["megabytes of JSON"] = round(path.stat().st_size / 1e6, 1)


@pytest.mark.parametrize("services", SIZES)
def test_peak_memory(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = "peak memory"
    path = cluster_file(clusters, services)
    peaks = {what.__name__: _peak(what, path) for what in (loaded, compiled)}
    benchmark.extra_info |= {f"{name} peak MB": peak for name, peak in peaks.items()}
    benchmark.pedantic(lambda: None, rounds=1)
    sys.stderr.write(f"\n{services} Services: peak memory in MB {json.dumps(peaks)}\n")


def _peak(what: object, path: Path) -> int:
    """The peak of a child process in MB, measured in a fresh parent, since the counter never goes down."""
    program = (
        "import resource, sys; from pathlib import Path; from bench.test_compile import *;"
        f"{what.__name__}(Path(sys.argv[1]));"  # type: ignore[attr-defined]
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    found = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    return int(found.stdout) // 1024
