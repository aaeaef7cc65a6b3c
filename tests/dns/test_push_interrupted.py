"""Servers and answers that go away in the middle of a push, and others who change the zone meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import pytest

from svcc.dns.contract import Record
from svcc.dns.nameserver import NameServer, ServerLostError
from svcc.dns.push import ZoneState
from svcc.dns.tsig_key import TsigKey
from tests.dns.updating import (
    KINDS,
    LOSE_ANSWER,
    PASS,
    REFUSE_BEFORE,
    REVERSE_ZONE,
    ZONE,
    by_hand,
    client,
    declared,
    emptied,
    expected,
    pushed,
    restarted,
    serial,
    served,
    updatable,
    way,
)

both_servers = pytest.mark.parametrize("kind", KINDS)
MARKER = f"_svcc-push.svc.{ZONE}"


@both_servers
def test_an_update_whose_answer_is_lost_is_found_to_have_been_made(kind: str, tmp_path: Path) -> None:
    records = declared(3)
    with (
        updatable(kind, tmp_path, emptied(records.zones)) as server,
        way(server, lambda number: LOSE_ANSWER if number == 1 else PASS) as connection,
    ):
        report = pushed(records, client(server, port=connection.port))
        assert [zone.state for zone in report.zones] == [ZoneState.UPDATED, ZoneState.UPDATED]
        assert served(server, ZONE) == expected(records.zones[0])


@both_servers
def test_an_update_that_never_arrives_leaves_the_zone_as_it_was_and_ends_the_push(kind: str, tmp_path: Path) -> None:
    records = declared(3)
    with (
        updatable(kind, tmp_path, emptied(records.zones)) as server,
        way(server, lambda _number: REFUSE_BEFORE) as connection,
    ):
        before = serial(server, ZONE)
        report = pushed(records, client(server, port=connection.port))
        assert [zone.state for zone in report.zones] == [ZoneState.FAILED, ZoneState.NOT_TRIED]
        assert str(report.zones[0].problem).endswith("closed the connection before it answered; the zone is as it was")
        assert serial(server, ZONE) == before
        assert pushed(records, client(server)).is_complete
        assert served(server, ZONE) == expected(records.zones[0])


@both_servers
def test_a_server_that_is_killed_between_two_parts_is_marked_and_completed_by_the_next_push(
    kind: str, tmp_path: Path
) -> None:
    records = declared(1500)
    with updatable(kind, tmp_path, emptied(records.zones)) as server:

        def kill(number: int) -> str:
            if number < 2:
                return PASS
            server.process.kill()
            server.process.wait()
            return REFUSE_BEFORE

        with way(server, kill) as connection:
            report = pushed(records, client(server, port=connection.port))
        cluster, reverse = report.zones
        assert (cluster.state, reverse.state) == (ZoneState.FAILED, ZoneState.NOT_TRIED)
        assert f"1 of {cluster.messages} messages were carried out for certain" in str(cluster.problem)
        assert isinstance(cluster.problem, ServerLostError)
        with restarted(server) as again:
            between = served(again, ZONE)
            assert any(name == MARKER and "is unfinished" in data for name, _, data in between)
            assert between - {item for item in between if item[0] == MARKER} < expected(records.zones[0])
            completed = pushed(records, client(again))
            assert completed.zones[0].was_unfinished
            assert {zone.state for zone in completed.zones} == {ZoneState.UPDATED}
            for zone in records.zones:
                assert served(again, zone.name) == expected(zone)


@both_servers
def test_a_zone_that_somebody_changes_in_the_meantime_is_compared_anew(kind: str, tmp_path: Path) -> None:
    records = declared(3)
    printer = Record(f"printer.{ZONE}", "A", "192.0.2.7", 300)
    with updatable(kind, tmp_path, emptied(records.zones)) as server:

        def interfere(number: int) -> str:
            if number == 1:
                by_hand(server, ZONE, printer)
            return PASS

        with way(server, interfere) as connection:
            report = pushed(records, client(server, port=connection.port))
        assert {zone.state for zone in report.zones} == {ZoneState.UPDATED}
        assert connection.updates == 3
        assert served(server, ZONE) == expected(records.zones[0]) | {(printer.name, 300, "A 192.0.2.7")}


@both_servers
def test_a_zone_that_somebody_changes_again_and_again_is_given_up(kind: str, tmp_path: Path) -> None:
    records = declared(1)
    with updatable(kind, tmp_path, emptied(records.zones)) as server:

        def interfere(number: int) -> str:
            by_hand(server, ZONE, Record(f"printer-{number}.{ZONE}", "A", "192.0.2.7", 300))
            return PASS

        with way(server, interfere) as connection:
            report = pushed(records, client(server, port=connection.port))
        cluster = report.zones[0]
        assert cluster.state is ZoneState.FAILED
        assert "changed by somebody else" in str(cluster.problem)
        assert not any(".svc." in name for name, _, _ in served(server, ZONE))


@both_servers
def test_of_two_pushes_in_parts_the_one_that_began_first_stops(kind: str, tmp_path: Path) -> None:
    first, second = declared(1500), declared(3)
    with updatable(kind, tmp_path, emptied(first.zones)) as server:

        def interfere(number: int) -> str:
            if number == 2:
                assert pushed(second, client(server)).zones[0].was_unfinished
            return PASS

        with way(server, interfere) as connection:
            report = pushed(first, client(server, port=connection.port))
        assert "another push has begun after 1 of" in str(report.zones[0].problem)
        assert served(server, ZONE) == expected(second.zones[0])
        assert report.zones[1].zone == REVERSE_ZONE


@contextlib.contextmanager
def _answering(answer: bytes | None) -> Iterator[NameServer]:
    """Somebody at the server's address who answers everything with these flags and no signature, or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        if answer is None:
                            connection.recv(65535)
                            connection.recv(65535)
                            continue
                        question = dns.message.from_wire(
                            connection.recv(65535)[2:], ignore_trailing=True, keyring=False
                        )
                        found = answer or dns.message.make_response(question).to_wire()
                        connection.sendall(len(found).to_bytes(2) + found)

        threading.Thread(target=serve, daemon=True).start()
        yield NameServer("127.0.0.1", listener.getsockname()[1], TsigKey("push.", "hmac-sha256", b"secret"), 0.5)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "has not answered within 0.5 seconds"),
        (b"", "cannot be used"),
        (b"\x00", "cannot be used"),
        (b"\xff" * 40, "cannot be used"),
    ],
    ids=["silence", "no signature", "too short", "nonsense"],
)
def test_who_does_not_hold_the_key_is_not_believed(answer: bytes | None, words: str) -> None:
    with _answering(answer) as server, pytest.raises(ServerLostError, match=words) as lost:
        pushed(declared(1), server)
    assert "nothing was changed" in lost.value.message


def test_a_port_on_which_nobody_listens_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = NameServer("127.0.0.1", unused.getsockname()[1], TsigKey("push.", "hmac-sha256", b"secret"), 2)
        with pytest.raises(ServerLostError, match="Connection refused; nothing was changed"):
            pushed(declared(1), server)
