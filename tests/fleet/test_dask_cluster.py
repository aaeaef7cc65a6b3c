"""Fleets on a Dask cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcc.auditing.fleet import audit_fleet
from svcc.auditing.node_dump import NodeDump
from svcc.errors import InputError, TargetError
from tests.fleet.auditors import Telling


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    return Telling(attempts, 0.2)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two workers, each a process of its own with one thread, that find the tests where we do."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as started:
        yield started


def dumps_of(tmp_path: Path, *contents: bytes) -> list[NodeDump]:
    dumps = [NodeDump(f"n{number:02}", tmp_path / f"n{number:02}.json") for number in range(len(contents))]
    for dump, data in zip(dumps, contents, strict=True):
        dump.path.write_bytes(data)
    return dumps


def test_the_work_is_done_though_a_worker_is_killed_midway(tmp_path: Path, telling: Telling, cluster: Any) -> None:
    dumps = dumps_of(tmp_path, *(b"x" * number for number in range(14)))
    killed = threading.Event()

    told: list[int] = []

    def kill_one_midway(done: int, _count: int) -> None:
        told.append(done)
        if done == 3:
            killed.set()
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

    results = audit_fleet(dumps, telling, scheduler=cluster.scheduler_address, progress=kill_one_midway)
    assert killed.is_set()
    assert [result.node for result in results] == [dump.node for dump in dumps]
    assert [result.report.scope.regions for result in results if result.report] == list(range(14))
    assert told == list(range(15))


def test_broken_and_missing_dumps_are_told_and_the_others_go_on(tmp_path: Path, telling: Telling, cluster: Any) -> None:
    dumps = [*dumps_of(tmp_path, b"broken", b"12"), NodeDump("gone", tmp_path / "gone.json")]
    first, second, third = audit_fleet(dumps, telling, scheduler=cluster.scheduler_address)
    assert first.error.endswith("n00.json: the dump cannot be read: it is broken")
    assert second.report is not None
    assert third.error.endswith("gone.json: No such file or directory")


def test_an_address_without_a_scheduler_is_an_error(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from svcc.auditing import dask_cluster  # noqa: PLC0415  (only where Dask is installed)

    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        audit_fleet([], telling, scheduler="tcp://127.0.0.1:9")
    assert time.monotonic() - began < 30


def test_without_dask_the_error_names_the_extra(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "svcc.auditing.dask_cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="needs Dask") as caught:
        audit_fleet([], telling, scheduler="tcp://127.0.0.1:8786")
    assert caught.value.hint == "install it with: pip install 'svcc[fleet]'"


@pytest.mark.parametrize(
    "address", ["", "nonsense:abc", "127.0.0.1", "::1", "ftp://host:1", "tcp://host:8786/", "tcp://host:99999"]
)
def test_what_is_no_address_is_refused_before_a_client_is_made(
    telling: Telling, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: pytest.fail("a client was made"))
    with pytest.raises(InputError, match="is not the address of a scheduler") as caught:
        audit_fleet([], telling, scheduler=address)
    assert caught.value.hint == "they are such as tcp://10.0.0.7:8786"


def test_a_cluster_that_loses_all_its_workers_is_an_error(
    tmp_path: Path, telling: Telling, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svcc.auditing import dask_cluster  # noqa: PLC0415  (only where Dask is installed)

    monkeypatch.setattr(dask_cluster, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(dask_cluster, "_WITHOUT_WORKERS_SECONDS", 1)

    def end_them(done: int, _count: int) -> None:
        if done == 2:
            cluster.scale(0)

    with pytest.raises(TargetError, match="the Dask cluster has lost all its workers"):
        audit_fleet(dumps_of(tmp_path, *(b"x",) * 40), telling, scheduler=cluster.scheduler_address, progress=end_them)


def test_a_scheduler_that_goes_away_midway_is_an_error_and_nothing_else_is_said(
    tmp_path: Path, telling: Telling, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))
    place = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    started = [_quiet([*command, "--no-dashboard", "--scheduler-file", str(place)])]
    try:
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(place), "--no-nanny"]
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
        while not place.exists():
            assert started[0].poll() is None
            time.sleep(0.05)
        started.append(_quiet([*worker, *options]))
        address = json.loads(place.read_text())["address"]
        _wait_for_a_worker(address)

        def kill_it(done: int, _count: int) -> None:
            if done == 2:
                started[0].kill()

        with pytest.raises(TargetError, match=r"tcp://127\.0\.0\.1:\d+: the Dask scheduler went away"):
            audit_fleet(dumps_of(tmp_path, *(b"x",) * 40), telling, scheduler=address, progress=kill_it)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert capfd.readouterr().err == ""


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for_a_worker(address: str) -> None:
    distributed: Any = pytest.importorskip("distributed")
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
