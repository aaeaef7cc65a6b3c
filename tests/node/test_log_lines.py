"""What a node writes: what changed, how long it took, and each problem once."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator

import attrs
import pytest

from svcc.fields import Severity
from svcc.incremental.contract import ServiceChange, ServiceFate
from svcc.node.log_lines import NodeLog, _is_journal, configure_logging
from svcc.node.state import Sync, SyncKind
from svcc.select import EndpointAddress
from tests.node.states import START, problem, reference

ONE, TWO = EndpointAddress("10.244.0.1", 80), EndpointAddress("10.244.0.2", 80)
PARTIAL = Sync(SyncKind.PARTIAL, START, 0.0008, 2)
FULL = Sync(SyncKind.FULL, START, 0.25, 0)
FAILED = attrs.evolve(PARTIAL, error="no buffer space")
Lines = Callable[[], list[str]]


def change(name: str, fate: ServiceFate = ServiceFate.CHANGED, added: int = 0, removed: int = 0) -> ServiceChange:
    return ServiceChange(reference(name), fate, (ONE, TWO)[:added], (ONE, TWO)[:removed])


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was."""
    found = logging.getLogger()
    handlers, level = found.handlers[:], found.level
    yield found
    found.handlers[:], found.level = handlers, level


@pytest.fixture
def said(stream: io.StringIO, root: logging.Logger) -> Lines:
    """The lines since the last look, without their time."""
    configure_logging("text", stream=stream)

    def take() -> list[str]:
        found = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
        stream.seek(0)
        stream.truncate()
        return found

    return take


def test_a_change_is_a_line_with_what_changed_and_how_long_it_took(said: Lines) -> None:
    NodeLog().synchronized(PARTIAL, [change("web", added=2, removed=1)])
    assert said() == ["info shop/web: endpoints +2 -1; 2 operations; 0.8 ms"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (change("web"), "shop/web: changed"),
        (change("web", added=1), "shop/web: endpoints +1"),
        (change("web", removed=2), "shop/web: endpoints -2"),
        (change("web", ServiceFate.ADDED, added=1), "shop/web: added, endpoints +1"),
        (change("web", ServiceFate.REMOVED), "shop/web: removed"),
    ],
)
def test_what_became_of_a_service_is_in_few_words(said: Lines, changed: ServiceChange, words: str) -> None:
    NodeLog().synchronized(PARTIAL, [changed])
    assert said() == [f"info {words}; 2 operations; 0.8 ms"]


def test_a_few_services_have_a_line_each_and_many_are_one(said: Lines) -> None:
    log = NodeLog()
    log.synchronized(PARTIAL, [change("web", added=1), change("cart", removed=1)])
    assert said() == [
        "info 2 Services; 2 operations; 0.8 ms",
        "info shop/web: endpoints +1",
        "info shop/cart: endpoints -1",
    ]
    log.synchronized(attrs.evolve(PARTIAL, operations=300_000, seconds=1.5), [change(f"s{n}") for n in range(30_000)])
    assert said() == ["info 30000 Services; 300000 operations; 1.5 s"]


def test_with_verbose_each_of_many_is_said(stream: io.StringIO, root: logging.Logger) -> None:
    configure_logging("text", verbose=True, stream=stream)
    NodeLog().synchronized(PARTIAL, [change(f"s{number}") for number in range(50)])
    assert len(stream.getvalue().splitlines()) == 51


def test_a_verification_is_worth_a_line_if_something_was_wrong(said: Lines) -> None:
    log = NodeLog()
    log.synchronized(FULL)
    assert said() == []
    log.synchronized(attrs.evolve(FULL, operations=3))
    assert said() == ["info made right; 3 operations; 250.0 ms"]


def test_a_failure_is_said_once_and_so_is_its_end(said: Lines) -> None:
    log = NodeLog()
    for _ in range(3):
        log.synchronized(FAILED)
    assert said() == ["error synchronization failed, nothing has changed: no buffer space"]
    log.synchronized(attrs.evolve(FAILED, error="busy"))
    assert said() == ["error synchronization failed, nothing has changed: busy"]
    log.synchronized(PARTIAL, [change("web")])
    assert said() == ["info synchronization: works again", "info shop/web: changed; 2 operations; 0.8 ms"]
    log.synchronized(FAILED)
    assert len(said()) == 1


def test_problems_are_said_when_they_come_and_when_they_go(said: Lines) -> None:
    log = NodeLog()
    one, two = problem("one", Severity.ERROR), problem("two")
    log.problems("source", [one])
    log.problems("source", [one, two])
    assert said() == ["error Service shop/web: one", "warning Service shop/web: two"]
    log.problems("servers", [])
    log.problems("source", [two])
    assert said() == ["info resolved: Service shop/web: one"]
    log.problems("source", [one, two])
    assert said() == ["error Service shop/web: one"]


def test_differences_of_problems_are_said_once_however_often_they_are_told(said: Lines) -> None:
    log = NodeLog()
    log.news("compiler", [problem("one")])
    log.news("compiler", [problem("one")], [problem("never told")])
    assert len(said()) == 1
    log.news("compiler", [], [problem("one")])
    log.news("compiler", [], [problem("one")])
    assert said() == ["info resolved: Service shop/web: one"]


def test_what_is_over_when_it_is_told_is_said_once_in_a_while_and_never_resolved(said: Lines) -> None:
    log = NodeLog()
    log.happened([problem("garbage", Severity.ERROR), problem("garbage", Severity.ERROR)])
    log.happened([problem("garbage", Severity.ERROR)])
    assert said() == ["error Service shop/web: garbage"]
    log.happened(problem(f"other garbage {number}") for number in range(1000))
    assert len(said()) == 1000
    log.happened([problem("garbage", Severity.ERROR)])
    assert said() == ["error Service shop/web: garbage"]


def test_the_status_hears_of_changes_and_events_but_not_of_nothing(said: Lines) -> None:
    told: list[str] = []
    log = NodeLog(told=told.append)
    log.synchronized(FULL)
    log.synchronized(PARTIAL, [change("web")])
    log.event("somebody flushed the table")
    log.synchronized(FAILED)
    assert told == ["shop/web: changed; 2 operations; 0.8 ms", "somebody flushed the table"]


def test_names_cannot_make_lines_of_their_own(said: Lines) -> None:
    NodeLog().event("a\nb\x1b[31m", severity=Severity.INFO)
    assert said() == [r"info a\u000ab\u001b[31m"]


def test_quiet_leaves_errors(stream: io.StringIO, root: logging.Logger) -> None:
    configure_logging("text", quiet=True, stream=stream)
    log = NodeLog()
    log.synchronized(PARTIAL, [change("web")])
    log.event("careful")
    assert stream.getvalue() == ""
    log.synchronized(FAILED)
    assert stream.getvalue().count("\n") == 1


def test_lines_of_text_begin_with_the_time(stream: io.StringIO, root: logging.Logger) -> None:
    configure_logging("text", stream=stream)
    record = logging.LogRecord("svcc", logging.WARNING, "", 0, "%s", ("careful",), None)
    record.created = START
    root.handle(record)
    assert stream.getvalue() == "2027-01-15T08:00:00.000Z warning careful\n"


def test_json_has_the_same_words_and_the_figures_beside_them(stream: io.StringIO, root: logging.Logger) -> None:
    configure_logging("json", stream=stream)
    NodeLog().synchronized(PARTIAL, [change("web", added=1)], waited_seconds=0.1)
    document = json.loads(stream.getvalue())
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "info",
        "logger": "svcc.node",
        "message": "shop/web: endpoints +1; 2 operations; 0.8 ms",
        "sync": "partial",
        "operations": 2,
        "milliseconds": 0.8,
        "waitedMilliseconds": 100.0,
        "services": ["shop/web"],
    }


def test_traces_of_bugs_are_readable(stream: io.StringIO, root: logging.Logger) -> None:
    configure_logging("json", stream=stream)
    try:
        assert 1 / 0
    except ZeroDivisionError:
        logging.getLogger("asyncio").exception("a bug")
    document = json.loads(stream.getvalue())
    assert document["message"] == "a bug"
    assert document["trace"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_under_systemd_each_line_has_its_weight_and_no_time(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as reading:  # noqa: PTH123  (a descriptor)
        with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123
            found = os.fstat(writer)
            monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            configure_logging("text", stream=stream)
            NodeLog().event("careful")
            NodeLog().event("all is well", severity=Severity.INFO)
            NodeLog().synchronized(FAILED)
        assert reading.read() == (
            "<4>careful\n<6>all is well\n<3>synchronization failed, nothing has changed: no buffer space\n"
        )


def test_a_stream_that_is_not_the_journals_is_none_whatever_the_environment_says(stream: io.StringIO) -> None:
    assert not _is_journal(stream, {"JOURNAL_STREAM": "1:2"})
    with open(os.devnull, encoding="utf-8") as null:  # noqa: PTH123
        assert not _is_journal(null, {"JOURNAL_STREAM": "1:2"})


def test_what_is_not_worth_a_line_is_not_worth_one_when_it_is_over(said: Lines) -> None:
    log = NodeLog()
    log.news("compiler", [problem("one", Severity.INFO), problem("two")])
    assert said() == ["warning Service shop/web: two"]
    log.news("compiler", [], [problem("one", Severity.INFO), problem("two")])
    assert said() == ["info resolved: Service shop/web: two"]


def test_a_subject_says_what_a_verification_was_about(said: Lines) -> None:
    log = NodeLog()
    log.synchronized(attrs.evolve(FULL, operations=4), subject="drift repaired", touched="balanced-services")
    log.synchronized(FULL, subject="3 Services", is_asked_for=True)
    assert said() == [
        "info drift repaired: balanced-services; 4 operations; 250.0 ms",
        "info 3 Services; 0 operations; 250.0 ms",
    ]
