"""How long a clean `svcc audit` takes, as a multiple of `json.load` of the dump, and where the time goes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import POD_CIDR, VERSION, cluster_file, node_name
from svcc import ClusterSettings, load
from svcc.auditing.audit import audit_dataplane
from svcc.auditing.classify import classify
from svcc.auditing.classify_declared import Declared
from svcc.auditing.declaration import declarations
from svcc.auditing.finding import Verdict
from svcc.auditing.inspection import inspect
from svcc.auditing.mentions import Mentions
from svcc.auditing.proof import prove
from svcc.compiler.compilation import compile_cluster
from svcc.trace.evaluator import Evaluator

pytestmark = pytest.mark.kernel

SIZES = [1_000, 3_000, 10_000, pytest.param(30_000, marks=pytest.mark.skipif("not config.getoption('--large')"))]
NODE = node_name(7)
SETTINGS = ClusterSettings(cluster_cidrs=[POD_CIDR])


def dump_file(clusters: Path, services: int) -> Path:
    """What `nft -j list ruleset` prints of svcc's rules for the cluster of that size."""
    path = clusters / f"dump-{services}-v{VERSION}.json"
    if not path.exists():
        script = path.with_suffix(".nft")
        cluster = load([str(cluster_file(clusters, services))]).cluster
        script.write_text(compile_cluster(cluster, node=NODE, settings=SETTINGS).script)
        with path.open("wb") as listing:
            program = ["unshare", "-n", "sh", "-ec", 'nft -f "$0"; nft -j list ruleset', str(script)]
            subprocess.run(program, check=True, stdout=listing)
    return path


TELLING_MEMORY = """
import atexit, sys

def tell():
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(tell)
"""
"""Not `ru_maxrss`, which begins with what the process that started this one has, here one full of clusters."""


def loaded(dump: Path, _cluster: Path) -> int:
    """The yardstick: a process that does nothing but `json.load` the dump; the most memory it had, in megabytes."""
    return run("import json; json.load(open(sys.argv[1]))", str(dump))


def audited(dump: Path, cluster: Path) -> int:
    """The whole command, with the manifests; its exit code says that everything is proved."""
    arguments = ["audit", "-q", str(dump), "-f", str(cluster), "--node", NODE, "--cluster-cidr", POD_CIDR]
    return run("from svcc.cli import main; main()", *arguments)


def run(program: str, *arguments: str) -> int:
    command = [sys.executable, "-c", f"{TELLING_MEMORY}\n{program}", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(done.stderr.splitlines()[-1]) // 1024


@pytest.mark.timeout(900)
@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize("what", [loaded, audited], ids=["json.load", "svcc audit"])
def test_audit_command(benchmark: BenchmarkFixture, clusters: Path, services: int, what: object) -> None:
    benchmark.group = f"audit {services} Services, processes"
    paths = dump_file(clusters, services), cluster_file(clusters, services)
    assert callable(what)
    used = benchmark.pedantic(what, args=paths, rounds=3 if services <= 1_000 else 1)
    benchmark.extra_info |= {"peak MB": used, "dump MB": round(paths[0].stat().st_size / 1e6, 1)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("services", SIZES)
def test_json_load_of_the_dump(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = f"audit {services} Services, in one process"
    data = dump_file(clusters, services).read_bytes()
    benchmark.pedantic(json.loads, args=(data,), rounds=3)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("services", SIZES)
def test_audit_of_what_is_loaded(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    benchmark.group = f"audit {services} Services, in one process"
    data = dump_file(clusters, services).read_bytes()
    cluster = load([str(cluster_file(clusters, services))]).cluster
    dataplane = compile_cluster(cluster, node=NODE, settings=SETTINGS).dataplane
    report = benchmark.pedantic(audit_dataplane, args=(data, dataplane, cluster), rounds=3 if services <= 1_000 else 1)
    assert report.verdict is Verdict.PROVED


@pytest.mark.timeout(900)
@pytest.mark.parametrize("services", SIZES)
def test_stages_of_an_audit(benchmark: BenchmarkFixture, clusters: Path, services: int) -> None:
    """The steps of `audit_dataplane`, one by one; what each takes is in the extra information.

    That is seconds, multiples of `json.load` in the same process, and the most memory that the process had meanwhile.
    """
    benchmark.group = f"audit {services} Services, stages"
    data = dump_file(clusters, services).read_bytes()
    cluster = load([str(cluster_file(clusters, services))]).cluster
    dataplane = compile_cluster(cluster, node=NODE, settings=SETTINGS).dataplane
    addresses = [address for family in dataplane.families for address in family.node_addresses]
    used: dict[str, dict[str, float]] = {}

    def stages() -> None:
        forget_peak()
        clock = [time.perf_counter()]

        def ends(name: str) -> None:
            clock.append(time.perf_counter())
            seconds = clock[-1] - clock[-2]
            json_load = used.get("json.load", {}).get("seconds", seconds)
            used[name] = {
                "seconds": round(seconds, 3),
                "of json.load": round(seconds / json_load, 2),
                "peak MB": peak_megabytes(),
            }
            forget_peak()

        json.loads(data)
        ends("json.load")
        evaluator = Evaluator(data, local_addresses=addresses, big_endian=dataplane.big_endian)
        ends("reading")
        declared = declarations(dataplane)
        ends("declaration")
        comparison = prove(evaluator, declared, local_addresses_complete=False)
        ends("functions and comparison")
        inspect(evaluator.native)
        ends("inspection")
        assert classify(comparison.differences, Declared(dataplane, cluster), Mentions(data).has_endpoint) == ()
        ends("classification")

    benchmark.pedantic(stages, rounds=1)
    benchmark.extra_info |= used
    sys.stderr.write(f"\n{services} Services:\n")
    for name, found in used.items():
        sys.stderr.write(f"  {name}: {json.dumps(found)}\n")


def forget_peak() -> None:
    """Makes the most memory that this process had what it has now (`proc_pid_clear_refs(5)`)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> int:
    """The most memory since then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
