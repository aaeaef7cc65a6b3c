"""Since when files and directories cannot be read, from the source that watches them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve

from svcc.fields import FieldPath, Problem, ProblemKind, Severity
from svcc.node.source_problems import SourceProblems
from svcc.sources.contract import Batch
from svcc.sources.directory import DirectorySource
from tests.cli.manifests import service, text

GONE = Problem("source/gone", ProblemKind.NOTICE, FieldPath(), "m is gone", severity=Severity.ERROR)


def told(problems: SourceProblems) -> list[tuple[str, float, bool]]:
    return [(Path(fault.name).name, fault.since, fault.is_kept) for fault in problems.faults]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    return made


def take_until(problems: SourceProblems, changes: Iterator[Batch], now: float, holds: Callable[[], bool]) -> None:
    """Editors and file systems may make several changes of one."""
    for batch in changes:
        problems.take(batch, now)
        if holds():
            return


def test_a_file_is_unread_from_its_first_fault_on_until_it_can_be_read(folder: Path) -> None:
    web = folder / "web.json"
    web.write_text(text(service("web")))
    problems = SourceProblems()
    source = DirectorySource([str(folder)])
    problems.take(source.list(), 1.0)
    assert told(problems) == []
    changes = source.changes()
    web.write_text('{"kind": ')
    take_until(problems, changes, 2.0, lambda: bool(problems.lasting))
    web.write_text("")
    take_until(problems, changes, 3.0, lambda: "empty" in problems.lasting[0].message())
    assert told(problems) == [("web.json", 2.0, True)]
    web.write_text(text(service("web"), service("Bad")))
    take_until(problems, changes, 4.0, lambda: problems.lasting[0].rule == "metadata/name-invalid")
    assert told(problems) == []
    shutil.rmtree(folder)
    take_until(problems, changes, 5.0, lambda: bool(problems.faults))
    assert told(problems) == [("manifests is gone", 5.0, True)]


def test_a_file_that_was_never_read_keeps_nothing(folder: Path) -> None:
    (folder / "good.json").write_text(text(service("web")))
    (folder / "torn.json").write_text('{"kind": ')
    problems = SourceProblems()
    problems.take(DirectorySource([str(folder)]).list(), 1.0)
    assert told(problems) == [("torn.json", 1.0, False)]


def test_what_happened_and_is_over_leaves_nothing_unread() -> None:
    problems = SourceProblems()
    assert problems.take(Batch(problems=(GONE,), over=(GONE,)), 1.0) == []
    assert problems == SourceProblems()


@pytest.mark.parametrize("fine", [evolve(GONE, severity=Severity.WARNING), evolve(GONE, rule="source/not-watched")])
def test_what_takes_nothing_from_the_source_leaves_nothing_unread(fine: Problem) -> None:
    problems = SourceProblems()
    assert problems.take(Batch(problems=(fine, GONE)), 1.0) == [fine, GONE]
    assert [fault.problem for fault in problems.faults] == [GONE]
    problems.take(Batch(resolved=(GONE,)), 2.0)
    assert (problems.lasting, problems.faults) == ((fine,), ())
