"""``svcc audit`` on a folder of dumps."""

from __future__ import annotations

import gzip
import json
import os
import pty
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svcc.auditing.declared_nodes import DeclaredNodes
from svcc.auditing.fleet import audit_fleet
from svcc.auditing.node_dump import NodeDump
from svcc.cli.output import Talk
from svcc.model.cluster import ClusterSettings
from tests.cli.command import Outcome, svcc

NODES = ("worker-1", "worker-2")
MANIFESTS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        *(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name},
                "status": {"addresses": [{"type": "InternalIP", "address": f"192.168.0.1{number}"}]},
            }
            for number, name in enumerate(NODES)
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {
                "clusterIP": "10.96.0.10",
                "clusterIPs": ["10.96.0.10"],
                "ipFamilies": ["IPv4"],
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [
                {"addresses": [f"10.244.{number}.20"], "nodeName": name} for number, name in enumerate(NODES)
            ],
        },
    ],
}
CIDRS = ("--cluster-cidr", "10.244.0.0/16")


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One Service with an endpoint on each of two nodes."""
    path = tmp_path_factory.mktemp("manifests") / "cluster.json"
    path.write_text(json.dumps(MANIFESTS))
    return str(path)


@pytest.fixture(scope="module")
def dumps(manifests: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good dump, packed, and one with an endpoint of yesterday."""
    folder = tmp_path_factory.mktemp("dumps")
    first, second = (svcc("compile", "-f", manifests, "--node", node, *CIDRS).out for node in NODES)
    (folder / "worker-1.nft.gz").write_bytes(gzip.compress(first.encode(), mtime=0))
    assert ": 10.244.0.20 . 8080" in second
    (folder / "worker-2.nft").write_text(second.replace(": 10.244.0.20 . 8080", ": 10.244.0.99 . 8080"))
    return folder


@pytest.fixture
def audit(manifests: str) -> Callable[..., Outcome]:
    """Audit a folder, or one dump."""
    return lambda path, *options: svcc("audit", str(path), "-f", manifests, *CIDRS, *options)


def test_each_node_is_judged_by_what_was_declared_for_it(audit: Callable[..., Outcome], dumps: Path) -> None:
    found = audit(dumps, "-q", "-o", "json")
    assert (found.code, found.err) == (1, "")
    written = json.dumps(json.loads(found.out))
    assert "10.244.0.99" in written
    summary = audit(dumps, "-q").out.splitlines()[-3:-1]
    assert [line.split()[:2] for line in summary] == [["worker-1", "proved"], ["worker-2", "findings"]]


def test_each_node_has_a_report_of_its_own_and_a_line_of_the_summary(
    audit: Callable[..., Outcome], dumps: Path, tmp_path: Path
) -> None:
    found = audit(dumps, "-q", "--output-dir", str(tmp_path / "new" / "reports"))
    assert found.code == 1
    assert [line.split()[0] for line in found.out.splitlines()] == ["NODE", "worker-1", "worker-2"]
    reports = tmp_path / "new" / "reports"
    assert sorted(path.name for path in reports.iterdir()) == ["worker-1.txt", "worker-2.txt"]
    assert "10.244.0.99" in (reports / "worker-2.txt").read_text()
    assert "10.244.0.99" not in (reports / "worker-1.txt").read_text()


def test_a_broken_dump_is_told_and_the_other_is_audited(
    audit: Callable[..., Outcome], dumps: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    shutil.copytree(dumps, folder)
    (folder / "worker-2.nft").write_text("this is no ruleset")
    (folder / "stranger.json").write_text('{"nftables": []}')
    found = audit(folder, "--output-dir", str(tmp_path / "reports"))
    assert found.code == 2
    assert [line.split()[:2] for line in found.out.splitlines()[1:]] == [
        ["stranger", "not-proved"],
        ["worker-1", "proved"],
        ["worker-2", "not-proved"],
    ]
    assert "the node was not audited" in (tmp_path / "reports" / "worker-2.txt").read_text()
    assert 'stranger.json: no node is named "stranger"' in found.err
    assert "there are worker-1, worker-2; name dumps by them: NODE.json" in found.err
    assert "worker-2.nft: the dump cannot be read" in found.err
    assert "2 of 3 nodes were not audited" in found.err


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "html"])
def test_every_format_tells_of_nodes_that_were_not_audited(
    audit: Callable[..., Outcome], dumps: Path, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "some"
    shutil.copytree(dumps, folder)
    (folder / "worker-2.nft").write_text("this is no ruleset")
    found = audit(folder, "-o", form)
    assert found.code == 2
    assert "the node was not audited" in found.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--node", "worker-1"), "--node is for one dump, not for a folder of dumps"),
        (("--write-baseline", "new.yaml"), "--write-baseline is for one dump, not for a folder of dumps"),
    ],
)
def test_options_of_one_dump_are_refused_for_a_folder(
    audit: Callable[..., Outcome], dumps: Path, options: tuple[str, ...], message: str
) -> None:
    found = audit(dumps, *options)
    assert (found.code, found.out) == (2, "")
    assert message in found.err


def test_manifests_on_standard_input_are_refused_for_a_folder(dumps: Path) -> None:
    found = svcc("audit", str(dumps), "-f", "-")
    assert (found.code, found.out) == (2, "")
    assert "manifests come from files for a folder of dumps" in found.err


def test_options_of_a_folder_are_refused_for_one_dump(
    audit: Callable[..., Outcome], dumps: Path, tmp_path: Path
) -> None:
    found = audit(dumps / "worker-2.nft", "--node", "worker-2", "--output-dir", str(tmp_path))
    assert (found.code, found.out) == (2, "")
    assert "--output-dir is for a folder of dumps" in found.err


def test_reports_of_other_processes_are_those_of_this_one(manifests: str, dumps: Path) -> None:
    auditor = DeclaredNodes((manifests,), ClusterSettings(cluster_cidrs=("10.244.0.0/16",)))
    dump = NodeDump("worker-2", dumps / "worker-2.nft")
    (result,) = audit_fleet([dump], auditor)
    assert result.report is not None
    assert result.report == auditor(dump, dump.path.read_bytes())


@pytest.mark.parametrize("hidden", ["", "CI", "NO_PROGRESS", "--quiet"])
def test_a_bar_is_drawn_on_a_terminal_after_a_while_and_wiped_out(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    for name in ("CI", "NO_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    if hidden in {"CI", "NO_PROGRESS"}:
        monkeypatch.setenv(hidden, "1")
    monkeypatch.setattr("svcc.cli.output._PROGRESS_AFTER_SECONDS", 0.0)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with Talk(quiet=hidden == "--quiet").counted_progress("auditing nodes") as show:
            show(1, 2)
            show(2, 2)
        terminal.write("|")
        terminal.flush()
        seen = ""
        while not seen.endswith("|"):
            seen += os.read(leader, 10_000).decode()
    os.close(leader)
    if hidden:
        assert seen == "|"
    else:
        assert "] 1/2\rauditing" in seen
        assert "] 2/2\r " in seen
        assert seen.endswith(" \r|")


def test_no_bar_is_drawn_before_a_second_has_passed(capsys: pytest.CaptureFixture[str]) -> None:
    with Talk().counted_progress("auditing nodes") as show:
        show(1, 2)
    assert capsys.readouterr().err == ""


def test_the_bar_is_there_before_the_first_node_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("svcc.cli.output._PROGRESS_AFTER_SECONDS", 0.2)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with Talk().counted_progress("auditing nodes") as show:
            show(0, 3)
            assert b"[..............................] 0/3" in os.read(leader, 1000)
    os.close(leader)


def test_a_folder_for_reports_that_cannot_be_written_is_told_before_anything_is_audited(
    audit: Callable[..., Outcome], dumps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svcc.cli.audit_fleet.audit_fleet", lambda *_, **__: pytest.fail("it was audited"))
    (tmp_path / "file").touch()
    found = audit(dumps, "--output-dir", str(tmp_path / "file" / "reports"))
    assert (found.code, found.out) == (2, "")
    assert found.told == [f"error: {tmp_path}/file/reports: Not a directory"]
    # Files cannot be made there even by root, though it is a folder with all permissions that stat shows.
    found = audit(dumps, "--output-dir", "/proc/self/fdinfo")
    assert (found.code, found.out) == (2, "")
    assert found.told[0].startswith("error: /proc/self/fdinfo: ")


def test_a_report_that_cannot_be_written_is_named(audit: Callable[..., Outcome], dumps: Path, tmp_path: Path) -> None:
    (tmp_path / "worker-2.txt").symlink_to("/dev/full")
    found = audit(dumps, "-q", "--output-dir", str(tmp_path))
    assert found.code == 2
    assert found.told == [f"error: {tmp_path}/worker-2.txt: No space left on device"]


def test_workers_of_a_cluster_find_manifests_whose_names_are_relative(
    manifests: str, dumps: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    folder = Path(manifests).parent
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        local_directory=str(tmp_path),
    ) as cluster:
        monkeypatch.chdir(folder)
        found = svcc("audit", str(dumps), "-f", "cluster.json", *CIDRS, "-q", "--scheduler", cluster.scheduler_address)
    assert found.err == ""
    assert found.code == 1


def test_manifests_that_a_worker_does_not_find_are_told_with_the_dump(tmp_path: Path) -> None:
    dump = NodeDump("worker-1", tmp_path / "worker-1.nft")
    dump.path.write_text("table ip svcc { }")
    (result,) = audit_fleet([dump], DeclaredNodes((str(tmp_path / "gone.json"),), ClusterSettings()), processes=1)
    assert result.error.startswith(f"{dump.path}: where it is audited, cannot read {tmp_path}/gone.json: ")
