"""``svcc dns push``: into a real server, and what is told if that cannot be."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.dns.records import dns_records
from svcc.manifest.load import load
from tests.cli.command import ROOT, Outcome, svcc
from tests.cli.manifests import service, text
from tests.dns.servers import Server
from tests.dns.updating import (
    KEY,
    KINDS,
    PASS,
    REFUSE_BEFORE,
    ZONE,
    emptied,
    expected,
    served,
    shop,
    updatable,
    way,
)

SHOP = ("-f", str(ROOT / "examples" / "shop"))


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with updatable(request.param, tmp_path / "server", emptied(shop().zones)) as found:
        yield found


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "push.key"
    path.write_text(f'key "{KEY.name}" {{ algorithm {KEY.algorithm}; secret "{KEY.secret}"; }};\n')
    path.chmod(0o600)
    return path


def pushed(key: Path, port: int, *arguments: str) -> Outcome:
    return svcc("dns", "push", "--server", f"127.0.0.1:{port}", "--key", str(key), *(arguments or SHOP))


def test_a_push_shows_its_difference_then_makes_it_and_then_has_nothing_to_do(server: Server, key: Path) -> None:
    dry = pushed(key, server.port, *SHOP, "--dry-run")
    assert (dry.code, dry.err) == (1, "")
    assert "; cluster.local. serial " in dry.out
    assert "+web.shop.svc.cluster.local. 5 A 10.96.0.10\n" in dry.out
    assert f"+10.0.96.10.in-addr.arpa. 5 PTR web.shop.svc.{ZONE}\n" in dry.out
    done = pushed(key, server.port)
    assert (done.code, done.err) == (0, "")
    header, *_ = done.out.splitlines()
    assert header.split() == ["ZONE", "STATE", "REMOVED", "ADDED", "FOREIGN", "SERIAL"]
    for zone in shop().zones:
        assert served(server, zone.name) == expected(zone)
    again = pushed(key, server.port)
    assert (again.code, again.err) == (0, "")
    assert {line.split()[1] for line in again.out.splitlines()[1:]} == {"unchanged"}
    nothing = pushed(key, server.port, *SHOP, "--dry-run")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "")


def test_the_document_names_every_record(server: Server, key: Path) -> None:
    outcome = pushed(key, server.port, *SHOP, "--only", "cluster.local", "-o", "json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert (found["kind"], found["complete"]) == ("PushReport", True)
    (zone,) = found["zones"]
    assert (zone["zone"], zone["state"], zone["messages"]) == (ZONE, "updated", 1)
    assert {"name": f"web.shop.svc.{ZONE}", "type": "A", "data": "10.96.0.10", "ttl": 5} in zone["added"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reverse_zone_that_is_not_derived_any_more_is_told_of_by_the_push_that_takes_its_last_address(
    kind: str, key: Path, tmp_path: Path
) -> None:
    left = "97.10.in-addr.arpa."
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(text(service(), service("db", "10.97.0.10")))
    after.write_text(text(service()))

    def names_left(server: Server) -> list[str]:
        return [name for name, _, data in served(server, left) if data.startswith("PTR ")]

    with updatable(kind, tmp_path / "server", emptied(dns_records(load([str(before)])).zones)) as server:
        assert pushed(key, server.port, "-f", str(before)).err == ""
        assert len(names_left(server)) == 1
        for way_of_pushing in (["--dry-run"], ["--only", ZONE]):
            outcome = pushed(key, server.port, "-f", str(after), *way_of_pushing)
            warning, hint = outcome.told
            assert warning.startswith(f"warning: {left}: ")
            assert len(names_left(server)) == 1
        assert pushed(key, server.port, "-f", str(after)).err == ""
        arguments = hint[hint.index("--") :].split()
        assert pushed(key, server.port, "-f", str(after), *arguments).code == 0
        assert names_left(server) == []


def test_a_key_that_the_server_does_not_have_ends_with_3(server: Server, key: Path) -> None:
    key.write_text(key.read_text().replace(KEY.name, "stranger."))
    outcome = pushed(key, server.port)
    assert (outcome.code, outcome.out) == (3, "")
    assert "does not know the key (BADKEY)" in outcome.err
    assert "nothing was changed" in outcome.err
    assert "hint: name, algorithm and secret" in outcome.err


def test_a_zone_that_the_server_does_not_have_ends_with_3(server: Server, key: Path) -> None:
    outcome = pushed(key, server.port, *SHOP, "--zone", "k8s.example")
    assert outcome.code == 3
    assert outcome.err.startswith("error: k8s.example.: transfer: ")
    assert "nothing was changed" in outcome.err


def test_a_server_that_goes_away_ends_with_3_and_each_zone_is_told(server: Server, key: Path) -> None:
    with way(server, lambda number: PASS if number == 1 else REFUSE_BEFORE) as connection:
        outcome = pushed(key, connection.port)
    assert outcome.code == 3
    assert [re.split(r" {3,}", line)[1] for line in outcome.out.splitlines()[1:]] == ["updated", "failed", "not tried"]
    assert "closed the connection before it answered; the zone is as it was" in outcome.err
    assert served(server, ZONE) == expected(shop().zones[0])


def test_nobody_at_the_address_ends_with_3(key: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = pushed(key, unused.getsockname()[1])
    assert (outcome.code, outcome.out) == (3, "")
    assert "Connection refused; nothing was changed" in outcome.err


def test_errors_in_manifests_and_no_services_at_all_stop_a_push(key: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(text(service(), service(name="bad", ports=[{"port": 0}])))
    outcome = pushed(key, 1, "-f", str(broken))
    assert (outcome.code, outcome.out) == (1, "")
    assert "nothing was sent: 1 error above" in outcome.err
    outcome = pushed(key, 1, "-f", str(ROOT / "examples" / "shop" / "cluster.yaml"))
    assert (outcome.code, outcome.out) == (1, "")
    assert "nothing was sent: there is no Service" in outcome.err


def test_a_key_that_everybody_can_read_is_warned_about(key: Path) -> None:
    key.chmod(0o644)
    assert "everybody on this machine can read the key" in pushed(key, 1).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--server", "host:name:53"), "--server: 'host:name:53' is not ADDRESS"),
        (("--server", "127.0.0.1:0"), "is not ADDRESS"),
        (("--server", "127.0.0.1:65536"), "is not ADDRESS"),
        (("--server", "[127.0.0.1.1]:53"), "is not ADDRESS"),
        (("--server", ""), "is not ADDRESS"),
        (("--only", "example.com"), "--only: there is no zone example.com."),
        (("--serial", "7"), "--serial: is the server's own business"),
        (("--nameserver-address", "192.0.2.1"), "--nameserver-address: is the server's own business"),
        (("--timeout", "0"), "is no time at all"),
        (("--key", "/nowhere"), "'/nowhere' does not exist"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(key: Path, arguments: tuple[str, ...], words: str) -> None:
    outcome = svcc("dns", "push", "--server", "127.0.0.1:1", "--key", str(key), *SHOP, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
