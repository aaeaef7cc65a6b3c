"""What people are shown, from the process itself through its socket."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from svcc.cli import cli
from svcc.cli.output import Talk
from svcc.errors import TargetError
from svcc.fields import FieldPath, Problem, ProblemKind, Severity, Source
from svcc.node.probes import healthz_answer, livez_answer
from svcc.node.servers import ServerSettings
from svcc.node.state import (
    DELETION_TAINT,
    Change,
    Counts,
    Drift,
    Eligibility,
    NodeState,
    RefusedService,
    SourceFault,
    SourceState,
    Sync,
    SyncKind,
)
from svcc.node.status import status_document, troubles
from svcc.node.status_socket import read_status, status_socket
from svcc.node.status_text import duration, status_lines
from svcc.sources.told import KEPT
from tests.node.asking import serving
from tests.node.states import START, StandingClock, checks, problem, published, reference, state

CLOCK = StandingClock().clock()
BUSY = state(
    counts=Counts(1203, 2406, 3000, 12030, external_without_local=2),
    health_checks=checks({30001: 0, 30000: 2}),
    last_success=Sync(SyncKind.PARTIAL, START - 12, 0.0008, 2),
    last_sync=Sync(SyncKind.PARTIAL, START - 12, 0.0008, 2),
    last_full_sync=Sync(SyncKind.FULL, START - 2580, 0.21),
    drift=Drift(2, 2, Change(START - 3 * 3600, "nft (process 99) flushed the table")),
    recent=(Change(START - 60, "shop/cart: added; 9 operations; 1.2 ms"), Change(START - 12, "shop/web: endpoints +1")),
    problems=(problem("is headless", Severity.INFO), problem("has no cluster IP yet"), problem("bad", Severity.ERROR)),
)


def unread(file: str, hint: str = KEPT) -> SourceFault:
    """A file that has been broken for three minutes."""
    said, place = "not valid YAML: why", Source(file, 1)
    problem = Problem("manifest/yaml-syntax", ProblemKind.NOTICE, FieldPath(), said, source=place, hint=hint)
    return SourceFault(problem, START - 180)


def lines(shown: NodeState) -> list[str]:
    return list(status_lines(status_document(shown, CLOCK, 60)))


def test_one_screen_says_it_all() -> None:
    assert lines(BUSY) == [
        "svcc 1.2.3 on node worker-1, up 2 h: healthy",
        "",
        "Source         directory /manifests, complete",
        "Serving        1 203 Services: 2 406 service ports, 3 000 frontends, 12 030 endpoints",
        "               traffic is to stay here, where no endpoint is: 0 internal, 2 external",
        "Health checks  2 ports, 1 with endpoints here",
        "Last change    12 s ago: 2 operations, 0.8 ms",
        "Last verified  43 min ago: nothing to do, 210.0 ms",
        "Drift          found twice, repaired twice; 3 h ago: nft (process 99) flushed the table",
        "",
        "Recent changes",
        "  12 s ago: shop/web: endpoints +1",
        "  1 min ago: shop/cart: added; 9 operations; 1.2 ms",
        "",
        "Problems",
        "  error: Service shop/web: bad",
        "  warning: Service shop/web: has no cluster IP yet",
    ]


def test_a_node_that_has_just_begun_has_few_words() -> None:
    assert lines(state(started=START - 1.5, source=SourceState("stdin"))) == [
        "svcc 1.2.3 on node worker-1, up 1.5 s: starting",
        "  ! stdin is not complete yet: nothing is written before all objects are known",
        "",
        "Source         stdin, not complete yet",
        "Serving        0 Services: 0 service ports, 0 frontends, 0 endpoints",
        "Last change    never",
        "Last verified  never",
    ]


def test_what_the_source_waits_for_is_said() -> None:
    shown = state(source=SourceState("stdin", awaited=("Services: none seen yet", "a: nothing has come from it yet")))
    assert "  ! waiting for Services: none seen yet; a: nothing has come from it yet" in lines(shown)
    assert status_document(shown, CLOCK, 60)["source"]["waitingFor"] == list(shown.source.awaited)


@pytest.mark.parametrize(
    ("shown", "trouble"),
    [
        (state(source=SourceState("stdin", is_complete=True, trouble="has ended")), "stdin: has ended"),
        (state(queued_since=4930.0), "a change has been waiting for 70 seconds"),
        (
            state(last_sync=Sync(SyncKind.FULL, START, 0.1, error="no buffer space")),
            "the last synchronization failed: no buffer space",
        ),
        (state(refused=(RefusedService(reference("web"), "busy"),)), "the kernel refuses 1 Service"),
        (
            state(source=SourceState("m", is_complete=True, faults=(unread("web.yaml"),))),
            "web.yaml:1: not valid YAML: why; what it said before stays in force",
        ),
        (
            state(source=SourceState("m", is_complete=True, faults=(unread("web.yaml", hint=""),))),
            "web.yaml:1: not valid YAML: why; nobody knows what it declares",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(shown: NodeState, trouble: str) -> None:
    assert list(troubles(shown, CLOCK, 60)) == [trouble]
    assert f"  ! {trouble}" in lines(shown)


@pytest.mark.parametrize(
    "fine",
    [
        BUSY,
        state(queued_since=4950.0),
        state(eligibility=Eligibility(taints=(DELETION_TAINT,))),
    ],
)
def test_problems_of_manifests_repaired_drift_and_being_deleted_are_no_trouble_of_the_node(fine: NodeState) -> None:
    assert list(troubles(fine, CLOCK, 60)) == []


def test_a_directory_that_cannot_be_read_is_said_in_so_many_words() -> None:
    fault = SourceFault(problem("cannot read m: Permission denied"), START)
    told = lines(state(source=SourceState("m", is_complete=True, faults=(fault,))))
    [line] = [line for line in told if line.startswith("Cannot be read")]
    assert line.startswith("Cannot be read m: Permission denied, for ")


def test_files_that_cannot_be_read_are_said_since_when_and_the_probes_do_not_mind() -> None:
    names = [f"{number}.yaml" for number in range(12)]
    source = SourceState("m", is_complete=True, faults=tuple(unread(name) for name in names))
    shown = state(source=source, last_sync=BUSY.last_sync)
    told = lines(shown)
    assert told[0].endswith(": NOT HEALTHY")
    assert told[4] == "  ! 9 more files or directories cannot be read"
    assert told[6:9] == [
        "Source         m, complete",
        "Cannot be read 0.yaml, for 3 min",
        "               1.yaml, for 3 min",
    ]
    assert told[17] == "               and 2 more: see -o json"
    assert status_document(shown, CLOCK, 60)["source"]["unread"][1] == {
        "file": "1.yaml",
        "line": 1,
        "message": "not valid YAML: why",
        "since": "2027-01-15T07:57:00.000Z",
        "kept": True,
    }
    assert healthz_answer(shown, CLOCK, 60).status == livez_answer(shown, CLOCK, 60).status == 200


def test_what_waits_what_was_refused_and_what_failed_is_shown() -> None:
    shown = lines(
        state(
            queued_since=4999.5,
            pending_services=1,
            pending_endpoints=4,
            last_sync=Sync(SyncKind.PARTIAL, START - 3, 0.1, error="no buffer space"),
            refused=(RefusedService(reference("web"), "File exists", "/run/svcc/refused.nft"),),
            eligibility=Eligibility(is_being_deleted=True),
        )
    )
    assert "Waiting        for 500.0 ms: 1 Service, 4 EndpointSlices" in shown
    assert "Last failure   3.0 s ago: no buffer space" in shown
    assert "  shop/web: File exists (script: /run/svcc/refused.nft)" in shown
    assert "Node           is being deleted: balancers are told to go elsewhere" in shown


def test_long_lists_are_cut_and_names_from_manifests_cannot_paint_the_terminal() -> None:
    shown = lines(state(problems=tuple(problem(f"\x1b[31m{number}") for number in range(1234))))
    assert shown[-1] == "  and 1 224 more: see -o json"
    assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0008, "0.8 ms"),
        (1.25, "1.2 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (7200, "2 h"),
        (7260, "2 h 1 min"),
        (7201, "2 h"),
        (90061, "1 d 1 h"),
        (86401, "1 d"),
    ],
)
def test_lengths_of_time_are_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_clock_that_went_back_shows_no_negative_age() -> None:
    assert "Last change    0.0 ms ago: 2 operations, 1.0 ms" in lines(
        state(last_success=Sync(SyncKind.PARTIAL, START + 99, 0.001, 2))
    )


def status(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["node", "status", "--runtime-directory", str(directory), *arguments], obj=Talk(), standalone_mode=False
    )


def test_the_command_shows_what_the_process_says_and_exits_with_0_if_it_is_healthy(settings: ServerSettings) -> None:
    with serving(published(counts=BUSY.counts), settings, CLOCK):
        outcome = status(settings.runtime_directory)
    assert outcome.return_value == 0
    assert outcome.stdout.startswith("svcc 1.2.3 on node worker-1, up 2 h: healthy\n")


def test_the_command_exits_with_1_if_the_node_is_not_healthy(settings: ServerSettings) -> None:
    with serving(published(source=SourceState("stdin")), settings, CLOCK):
        outcome = status(settings.runtime_directory, "-o", "json")
    assert outcome.return_value == 1
    document = json.loads(outcome.stdout)
    assert (document["kind"], document["healthy"]) == ("NodeStatus", False)
    assert len(document["troubles"]) == 1


def test_the_command_fails_with_3_if_no_node_runs(runtime_directory: Path) -> None:
    outcome = status(runtime_directory)
    assert isinstance(outcome.exception, TargetError)
    assert outcome.exception.exit_code == 3
    assert "no svcc node is running" in outcome.exception.message


def test_the_document_holds_all_that_the_state_does(settings: ServerSettings) -> None:
    with serving(published(), settings, CLOCK) as servers:
        servers._published.state = attrs.evolve(BUSY, health_checks={})
        document = read_status(settings.runtime_directory)
    assert document["apiVersion"] == "svcc/v1"
    assert document["serving"]["endpoints"] == 12030
    assert document["lastFullSync"] == {
        "kind": "full",
        "time": "2027-01-15T07:17:00.000Z",
        "seconds": 0.21,
        "operations": 0,
        "error": None,
    }
    assert [item["severity"] for item in document["problems"]] == ["info", "warning", "error"]
    assert document["recent"][0]["words"] == "shop/cart: added; 9 operations; 1.2 ms"


def test_a_port_that_cannot_be_listened_on_is_among_the_problems(settings: ServerSettings) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = int(somebody.getsockname()[1])
        with serving(published(health_checks=checks({port: 1})), settings, CLOCK):
            [found] = read_status(settings.runtime_directory)["problems"]
    assert found["rule"] == "node/cannot-listen"
    assert found["object"] == {"kind": "Service", "namespace": "shop", "name": f"web-{port}"}


def test_everybody_on_the_machine_may_ask(settings: ServerSettings) -> None:
    with serving(published(), settings, CLOCK):
        mode = status_socket(settings.runtime_directory).stat().st_mode
    assert stat.S_IMODE(mode) == 0o666


def test_the_socket_goes_with_the_process_and_that_of_a_killed_one_is_replaced(settings: ServerSettings) -> None:
    path = status_socket(settings.runtime_directory)
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()
    with pytest.raises(TargetError, match="no svcc node is running"):
        read_status(settings.runtime_directory)
    with serving(published(), settings, CLOCK) as servers:
        assert servers.problems == ()
        assert read_status(settings.runtime_directory)["node"] == "worker-1"
    assert not path.exists()


def test_two_nodes_cannot_have_one_socket_and_the_first_keeps_it(settings: ServerSettings) -> None:
    with serving(published(), settings, CLOCK):
        with serving(published(node="other"), settings, CLOCK) as second:
            assert "Address already in use" in second.problems[0].message()
        assert read_status(settings.runtime_directory)["node"] == "worker-1"


def test_a_file_that_is_no_socket_is_left_alone(settings: ServerSettings) -> None:
    path = status_socket(settings.runtime_directory)
    path.write_text("mine")
    with serving(published(), settings, CLOCK) as servers:
        assert "Address already in use" in servers.problems[0].message()
    assert path.read_text() == "mine"


@pytest.fixture
def stranger(runtime_directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(status_socket(runtime_directory)))
        listening.listen()
        yield listening


def test_who_does_not_answer_is_not_waited_for(stranger: socket.socket, runtime_directory: Path) -> None:
    with pytest.raises(TargetError, match=r"does not answer within 0\.01 s") as refused:
        read_status(runtime_directory, timeout_seconds=0.01)
    assert refused.value.hint == "--timeout gives it more time"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff[}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{}",
        b'HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{"kind":"NodeStatus"}',
    ],
)
def test_a_stranger_at_the_socket_is_told_from_a_node(
    stranger: socket.socket, runtime_directory: Path, answer: bytes
) -> None:
    def reply() -> None:
        client, _ = stranger.accept()
        with client:
            client.recv(65536)
            client.sendall(answer)

    thread = threading.Thread(target=reply)
    thread.start()
    with pytest.raises(TargetError, match=r"node\.sock") as refused:
        read_status(runtime_directory)
    thread.join()
    if b"404" in answer:
        assert refused.value.message.endswith("what answers is no svcc node, or one of another version (404 Not Found)")


def test_an_answer_that_is_too_long_is_not_taken_for_a_strangers(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svcc.node.status_socket._LONGEST", 2**20)
    many = tuple(problem(f"{number}: {'x' * 1000}") for number in range(1200))
    with (
        serving(published(problems=many), settings, CLOCK),
        pytest.raises(TargetError, match="the answer to /status is longer than 1 MiB, and is not read"),
    ):
        read_status(settings.runtime_directory)


def test_the_command_is_described() -> None:
    outcome = CliRunner().invoke(cli, ["node", "status", "--help"], obj=Talk())
    assert "Exits with 0 if the node is healthy, 1 if it is not, 3 if none is running." in outcome.stdout


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (state(source=SourceState("stdin"), last_sync=None, last_success=None), "starting"),
        (state(source=SourceState("stdin", trouble="has ended"), last_sync=None), "NOT HEALTHY"),
        (state(source=SourceState("stdin"), last_sync=None, queued_since=CLOCK.monotonic() - 61), "NOT HEALTHY"),
        (state(last_sync=Sync(SyncKind.FULL, CLOCK.now(), 1.0, error="no")), "NOT HEALTHY"),
    ],
)
def test_a_node_that_has_written_nothing_yet_and_is_live_is_starting_s51(shown: NodeState, verdict: str) -> None:
    assert lines(shown)[0].endswith(f": {verdict}")
