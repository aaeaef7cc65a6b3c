"""Fleets on the cores of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from svcc.auditing.fleet import audit_fleet
from svcc.auditing.node_dump import NodeDump, dumps_in
from svcc.errors import InputError
from tests.fleet.auditors import Telling


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    return Telling(attempts)


def folder_of(tmp_path: Path, **files: bytes) -> Path:
    folder = tmp_path / "dumps"
    folder.mkdir()
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_a_folder_holds_a_dump_for_each_node(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, b__json=b"", a__nft__gz=b"", c__d__json__gz=b"", e__nft=b"", notes__txt=b"", __x__nft=b""
    )
    (folder / "sub.json").mkdir()
    assert [(dump.node, dump.path.name) for dump in dumps_in(folder)] == [
        ("a", "a.nft.gz"),
        ("b", "b.json"),
        ("c.d", "c.d.json.gz"),
        ("e", "e.nft"),
    ]


def test_a_link_that_leads_nowhere_is_a_dump_that_is_told(tmp_path: Path, telling: Telling) -> None:
    folder = folder_of(tmp_path, a__json=b"x")
    (folder / "b.json").symlink_to(tmp_path / "gone")
    (folder / "c.json").mkdir()
    first, second = audit_fleet(dumps_in(folder), telling, processes=1)
    assert (first.node, first.error) == ("a", "")
    assert (second.node, second.report) == ("b", None)
    assert second.error == f"{folder}/b.json: No such file or directory"


def test_a_node_with_several_dumps_is_refused_and_the_others_are_audited(tmp_path: Path, telling: Telling) -> None:
    folder = folder_of(tmp_path, a__json=b"x", a__nft__gz=b"x", b__json=b"x", c__json=b"", c__nft=b"", c__json__gz=b"")
    seen: list[tuple[int, int]] = []
    first, second, third = audit_fleet(
        dumps_in(folder), telling, processes=1, progress=lambda done, of: seen.append((done, of))
    )
    assert (first.node, first.report, first.error) == (
        "a",
        None,
        f"{folder}: node a has two dumps: a.json and a.nft.gz",
    )
    assert (second.node, second.error) == ("b", "")
    assert second.report is not None
    assert third.error == f"{folder}: node c has 3 dumps: c.json, c.json.gz and c.nft"
    assert seen == [(2, 3), (3, 3)]
    assert [path.name.split(".")[0] for path in telling.attempts.iterdir()] == ["b"]


def test_where_every_node_has_several_dumps_nothing_is_started(tmp_path: Path, telling: Telling) -> None:
    dumps = dumps_in(folder_of(tmp_path, a__json=b"x", a__nft=b"x"))
    [result] = audit_fleet(dumps, telling, scheduler="tcp://192.0.2.1:1")
    assert result.report is None


def test_a_folder_without_dumps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no dump in it"):
        dumps_in(folder_of(tmp_path, readme__md=b""))


def test_every_node_is_audited_once_and_by_several_processes(tmp_path: Path, telling: Telling) -> None:
    dumps = dumps_in(folder_of(tmp_path, **{f"n{number}__json": b"x" * number for number in range(6)}))
    told: list[tuple[int, int]] = []
    slow = Telling(telling.attempts, 0.3)
    results = audit_fleet(dumps, slow, processes=2, progress=lambda done, count: told.append((done, count)))
    reports = [result.report for result in results]
    assert [report.scope.regions for report in reports if report] == list(range(6))
    assert [report.node for report in reports if report] == [dump.node for dump in dumps]
    assert len({report.scope.assumptions for report in reports if report}) == 2
    assert [telling.times(dump.node) for dump in dumps] == [1] * 6
    assert told == [(done, 6) for done in range(7)]


def test_a_broken_dump_and_a_missing_one_are_told_and_the_others_go_on(tmp_path: Path, telling: Telling) -> None:
    dumps = dumps_in(folder_of(tmp_path, a__json=b"broken", b__json=b"12"))
    gone = NodeDump("c", tmp_path / "c.json")
    first, second, third = audit_fleet((*dumps, gone), telling, processes=2)
    assert first.report is None
    assert first.error.endswith("a.json: the dump cannot be read: it is broken")
    assert second.report is not None
    assert (second.error, second.report.scope.regions) == ("", 2)
    assert third.error == f"{gone.path}: No such file or directory"


def test_a_dump_that_ends_its_process_is_told_and_the_others_go_on(tmp_path: Path, telling: Telling) -> None:
    data = {f"n{number}__json": b"x" for number in range(4)}
    dumps = dumps_in(folder_of(tmp_path, **{**data, "n1__json": b"deadly"}))
    results = audit_fleet(dumps, telling, processes=2)
    assert [result.report is not None for result in results] == [True, False, True, True]
    assert "the process that audited it was ended" in results[1].error


def test_a_fleet_of_nobody_has_no_results(telling: Telling) -> None:
    assert audit_fleet((), telling) == ()
