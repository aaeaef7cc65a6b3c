"""Pushing to BIND and Knot: afterwards they have what is declared, and of others what they had."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve

from svcc.dns.contract import DnsSettings, DnsZone, Record
from svcc.dns.nameserver import ServerRefusedError
from svcc.dns.push import ZoneState
from svcc.dns.serial import is_later
from tests.dns.servers import Server
from tests.dns.servers import TsigKey as SharedKey
from tests.dns.updating import (
    KEY,
    KINDS,
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
    shop,
    updatable,
    way,
)

both_servers = pytest.mark.parametrize("kind", KINDS)
FOREIGN = Record("printer.cluster.local.", "A", "192.0.2.7", 300)


@both_servers
def test_empty_zones_become_what_is_declared_record_by_record_and_a_second_push_sends_nothing(
    kind: str, tmp_path: Path
) -> None:
    records = shop()
    with updatable(kind, tmp_path, emptied(records.zones)) as server, way(server) as counted:
        report = pushed(records, client(server, port=counted.port))
        assert {zone.state for zone in report.zones} == {ZoneState.UPDATED}
        assert counted.updates == len(records.zones) == 3
        for zone in records.zones:
            assert served(server, zone.name) == expected(zone)
        before = [serial(server, zone.name) for zone in records.zones]
        again = pushed(records, client(server, port=counted.port))
        assert {zone.state for zone in again.zones} == {ZoneState.UNCHANGED}
        assert counted.updates == 3
        assert [serial(server, zone.name) for zone in records.zones] == before


@both_servers
def test_what_a_zone_file_says_needs_no_push(kind: str, tmp_path: Path) -> None:
    records = shop()
    with updatable(kind, tmp_path, records.zones) as server:
        assert {zone.state for zone in pushed(records, client(server)).zones} == {ZoneState.UNCHANGED}


@pytest.mark.long
@both_servers
def test_two_thousand_services_arrive_in_parts_and_go_again_and_no_marker_is_left(kind: str, tmp_path: Path) -> None:
    many, few = declared(2000), declared(20)
    with updatable(kind, tmp_path, emptied(many.zones)) as server:
        first = pushed(many, client(server, seconds=60))
        assert {zone.state for zone in first.zones} == {ZoneState.UPDATED}
        assert first.zones[0].messages > 1
        assert len(first.zones[0].difference.added) == 4001
        for zone in many.zones:
            assert served(server, zone.name) == expected(zone)
        last = pushed(few, client(server, seconds=60))
        assert {zone.state for zone in last.zones} == {ZoneState.UPDATED}
        for zone in few.zones:
            assert served(server, zone.name) == expected(zone)


@both_servers
def test_a_difference_that_needs_parts_is_not_sent_if_it_must_be_made_at_once(kind: str, tmp_path: Path) -> None:
    many = declared(2000)
    with updatable(kind, tmp_path, emptied(many.zones)) as server:
        before = serial(server, ZONE)
        (cluster, *_) = pushed(many, client(server, seconds=60), single_message=True).zones
        assert cluster.state is ZoneState.FAILED
        assert "cannot be made at once" in str(cluster.problem)
        assert serial(server, ZONE) == before


@both_servers
def test_records_of_others_are_left_alone_and_names_below_svc_are_not_others(kind: str, tmp_path: Path) -> None:
    records = shop()
    stray = Record("stray.shop.svc.cluster.local.", "TXT", '"forgotten"', 60)
    with updatable(kind, tmp_path, records.zones) as server:
        by_hand(server, ZONE, FOREIGN, stray)
        report = pushed(records, client(server))
        assert report.zones[0].difference.removed == (stray,)
        assert report.zones[0].difference.foreign == 1
        assert served(server, ZONE) == expected(records.zones[0]) | {(FOREIGN.name, 300, "A 192.0.2.7")}


@both_servers
def test_records_of_others_go_on_request_and_the_servers_own_stay(kind: str, tmp_path: Path) -> None:
    records = shop()
    with updatable(kind, tmp_path, records.zones) as server:
        by_hand(server, ZONE, FOREIGN)
        report = pushed(records, client(server), delete_foreign=True)
        assert report.zones[0].difference.removed == (FOREIGN,)
        assert served(server, ZONE) == expected(records.zones[0])


@both_servers
def test_a_name_of_an_address_that_somebody_else_gave_stays_beside_svccs(kind: str, tmp_path: Path) -> None:
    records = declared(1)
    name = f"1.0.{REVERSE_ZONE}"
    with updatable(kind, tmp_path, emptied(records.zones)) as server:
        by_hand(server, REVERSE_ZONE, Record(name, "PTR", "rack-1.example.com.", 300))
        assert pushed(records, client(server)).is_complete
        pointers = {item for item in served(server, REVERSE_ZONE) if item[0] == name}
        # All records of one name and type have one time to live, and svcc leaves that of others as it is.
        assert pointers == {
            (name, 300, "PTR rack-1.example.com."),
            (name, 300, "PTR web-0.team-0.svc.cluster.local."),
        }
        assert {zone.state for zone in pushed(records, client(server)).zones} == {ZoneState.UNCHANGED}


@both_servers
def test_other_times_to_live_and_a_service_of_another_kind_replace_the_old_records(kind: str, tmp_path: Path) -> None:
    old, new = declared(3), declared(3, settings=DnsSettings(ttl=30))
    alias = Record("web-0.team-0.svc.cluster.local.", "CNAME", "www.example.com.", 30)
    kept = tuple(record for record in new.zones[0].records if "web-0." not in record.name)
    changed = evolve(new, zones=(evolve(new.zones[0], records=(*kept, alias)), *new.zones[1:]))
    with updatable(kind, tmp_path, old.zones) as server:
        report = pushed(changed, client(server))
        assert {zone.state for zone in report.zones} == {ZoneState.UPDATED}
        assert {item for item in served(server, ZONE) if ".svc." in item[0]} == {
            item for item in expected(changed.zones[0]) if ".svc." in item[0]
        }
        assert {zone.state for zone in pushed(changed, client(server)).zones} == {ZoneState.UNCHANGED}


@both_servers
@pytest.mark.parametrize("start", [1, 2**31 - 1, 2**32 - 1])
def test_the_serial_only_goes_forward_also_beyond_its_largest_value(kind: str, start: int, tmp_path: Path) -> None:
    before, after = (declared(count, settings=DnsSettings(serial=start)) for count in (1, 2))
    with updatable(kind, tmp_path, before.zones) as server:
        report = pushed(after, client(server))
        zone = report.zones[0]
        assert zone.serial_before == start
        assert zone.serial_after == serial(server, ZONE)
        assert is_later(zone.serial_after, start)


@both_servers
def test_a_dry_run_tells_the_difference_and_changes_nothing(kind: str, tmp_path: Path) -> None:
    records = declared(5)
    with updatable(kind, tmp_path, emptied(records.zones)) as server, way(server) as counted:
        report = pushed(records, client(server, port=counted.port), dry_run=True)
        assert {zone.state for zone in report.zones} == {ZoneState.DIFFERENT}
        assert len(report.zones[0].difference.added) == len(records.zones[0].records)
        assert counted.updates == 0


WRONG_KEYS = [
    (evolve(KEY, name="stranger."), "does not know the key (BADKEY)"),
    (SharedKey(KEY.name, "bm90IHRoZSBzZWNyZXQ="), "has another secret for the key (BADSIG)"),
]


@both_servers
@pytest.mark.parametrize(("key", "words"), WRONG_KEYS, ids=["another name", "another secret"])
def test_a_wrong_key_is_refused_and_nothing_is_changed(kind: str, key: SharedKey, words: str, tmp_path: Path) -> None:
    records = declared(1)
    with updatable(kind, tmp_path, emptied(records.zones)) as server:
        with pytest.raises(ServerRefusedError) as refused:
            pushed(records, client(server, key))
        assert words in refused.value.message
        assert "nothing was changed" in refused.value.message
        assert refused.value.exit_code == 3
        assert served(server, ZONE) == expected(emptied(records.zones)[0])


@both_servers
def test_a_clock_that_is_an_hour_off_is_told_as_such(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = declared(1)
    with updatable(kind, tmp_path, emptied(records.zones)) as server:
        with monkeypatch.context() as late:
            late.setattr("dns.message.time", SimpleNamespace(time=lambda: time.time() + 3600))
            with pytest.raises(ServerRefusedError, match="another time") as refused:
                pushed(records, client(server))
        assert "clocks" in str(refused.value.hint)
        assert served(server, ZONE) == expected(emptied(records.zones)[0])


def _with_reader(server: Server, reader: SharedKey) -> dict[str, str]:
    """What changes in a server's configuration so that a second key may transfer, but not update."""
    if server.program == "named":
        statement = f'key "{reader.name}" {{ algorithm {reader.algorithm}; secret "{reader.secret}"; }};'
        return {
            "options {": f"{statement}\noptions {{",
            f'allow-transfer {{ key "{KEY.name}"; }}': f'allow-transfer {{ key "{reader.name}"; }}',
        }
    key = f"key:\n  - id: {reader.name}\n    algorithm: {reader.algorithm}\n    secret: {reader.secret}\n"
    return {
        "key:\n": key,
        "zone:\n": f"  - id: reader\n    action: transfer\n    key: {reader.name}\nzone:\n",
        "acl: holder\n": "acl: [holder, reader]\n",
    }


@both_servers
def test_a_key_that_may_only_look_is_refused_and_nothing_is_changed(kind: str, tmp_path: Path) -> None:
    records = declared(1)
    reader = SharedKey("reader.", "b25seSBsb29raW5n", "hmac-sha512")
    with (
        updatable(kind, tmp_path, emptied(records.zones)) as first,
        restarted(first, replacing=_with_reader(first, reader)) as server,
    ):
        report = pushed(records, client(server, reader))
        assert not report.is_complete
        cluster, reverse = report.zones
        assert (cluster.state, reverse.state) == (ZoneState.FAILED, ZoneState.FAILED)
        assert isinstance(cluster.problem, ServerRefusedError)
        assert "key reader." in str(cluster.problem.hint)
        holder = client(server, reader).transfer(ZONE)
        assert {record.name for record in holder.records} == {ZONE, f"ns.dns.{ZONE}"}


@both_servers
def test_a_server_without_one_of_the_zones_is_noticed_before_the_others_are_changed(kind: str, tmp_path: Path) -> None:
    records = declared(1)
    with updatable(kind, tmp_path, emptied(records.zones[:1])) as server:
        with pytest.raises(ServerRefusedError) as refused:
            pushed(records, client(server))
        assert refused.value.message.startswith(f"{REVERSE_ZONE}: transfer: ")
        assert refused.value.message.endswith("nothing was changed")
        assert served(server, ZONE) == expected(emptied(records.zones)[0])


def test_there_are_two_zones_in_what_the_tests_declare() -> None:
    zones: tuple[DnsZone, ...] = declared(1).zones
    assert [zone.name for zone in zones] == [ZONE, REVERSE_ZONE]
