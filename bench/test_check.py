"""How long `svcc check` takes, as a multiple of what `json.load` needs for the same file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.clusters import cluster_file
from bench.test_compile import loaded
from svcc import load
from svcc.dataplane.judgement import judge_cluster
from svcc.model.port_range import PortRange
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems

SIZES = (1_000, 10_000, 30_000)
# So many node ports do not fit into the default range, which would make a problem of each.
NODE_PORTS, LOCAL_PORTS = PortRange(20000, 59999), PortRange(60000, 60999)
SETTINGS = ClusterRuleSettings(service_node_port_range=NODE_PORTS, ip_local_port_range=LOCAL_PORTS)
FLAGS = ["--service-node-port-range", str(NODE_PORTS), "--ip-local-port-range", str(LOCAL_PORTS)]


def checked(path: Path) -> None:
    """A whole process that finds nothing."""
    arguments = [sys.executable, "-m", "svcc", "check", *FLAGS, "-f", str(path)]
    outcome = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert (outcome.stdout, outcome.stderr) == ("", "0 errors, 0 warnings\n")


@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize("what", [loaded, checked], ids=["json.load", "svcc check"])
def test_check(benchmark: BenchmarkFixture, clusters: Path, services: int, what: object) -> None:
    benchmark.group = f"check {services} Services"
    path = cluster_file(clusters, services)
    assert callable(what)
    benchmark.pedantic(what, args=(path,), rounds=5 if services <= 10_000 else 3, warmup_rounds=1)
    benchmark.extra_info["megabytes of JSON"] = round(path.stat().st_size / 1e6, 1)


@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize("stage", ["json.load", "rules across objects", "and the builder"])
def test_stages(benchmark: BenchmarkFixture, clusters: Path, services: int, stage: str) -> None:
    benchmark.group = f"check {services} Services, stages"
    path = cluster_file(clusters, services)
    if stage == "json.load":
        benchmark.pedantic(lambda: json.loads(path.read_bytes()), rounds=3, warmup_rounds=1)
        return
    cluster = load([str(path)]).cluster
    judge = cluster_problems if stage == "rules across objects" else judge_cluster
    assert judge(cluster, SETTINGS) == []
    benchmark.pedantic(judge, args=(cluster, SETTINGS), rounds=3, warmup_rounds=1)
