"""Differences of zones, how they are dealt out to messages, keys and serials: what needs no server."""

from __future__ import annotations

import contextlib

import dns.rdata
import dns.serial
import dns.tsig
import dns.update
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.dns.contract import Record
from svcc.dns.difference import Ownership, ZoneDifference, marker_name, zone_difference
from svcc.dns.serial import is_later
from svcc.dns.tsig_key import ALGORITHMS, TsigKey, tsig_key_of_text
from svcc.dns.update import MOST_MESSAGE_BYTES, plan_update
from svcc.errors import InputError
from tests.dns.updating import REVERSE_ZONE, ZONE, declared, shop

KEY = dns.tsig.Key("push.", b"secret", "hmac-sha512")
BASE64 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BIND = f'key "push" {{\n\talgorithm hmac-sha256;\n\tsecret "{BASE64}";\n}};\n'
KNOT = f"# hmac-sha256:push:{BASE64}\nkey:\n  - id: push\n    algorithm: hmac-sha256\n    secret: {BASE64}\n"


def a(name: str, address: str = "192.0.2.1", ttl: int = 5) -> Record:
    return Record(name, "A", address, ttl)


OWNED = [
    ("a Service's name", ZONE, a(f"web.shop.svc.{ZONE}")),
    ("svc itself", ZONE, Record(f"svc.{ZONE}", "TXT", '"x"', 5)),
    ("a pod's name", ZONE, a(f"10-0-0-7.shop.pod.{ZONE}")),
    ("the version", ZONE, Record(f"dns-version.{ZONE}", "TXT", '"1.0.0"', 5)),
    ("a marker", ZONE, Record(marker_name(ZONE, ZONE), "TXT", '"x"', 0)),
    ("a pointer to a Service", REVERSE_ZONE, Record(f"1.0.{REVERSE_ZONE}", "PTR", f"web.shop.svc.{ZONE}", 5)),
    ("a marker in a reverse zone", REVERSE_ZONE, Record(marker_name(REVERSE_ZONE, ZONE), "TXT", '"x"', 0)),
]
FOREIGN = [
    ("another name", ZONE, a(f"printer.{ZONE}")),
    ("a name that only ends like one", ZONE, a(f"mysvc.{ZONE}")),
    ("a pointer to something else", REVERSE_ZONE, Record(f"1.0.{REVERSE_ZONE}", "PTR", f"printer.{ZONE}", 5)),
    ("a pointer to another cluster", REVERSE_ZONE, Record(f"1.0.{REVERSE_ZONE}", "PTR", "a.b.svc.other.local.", 5)),
    ("an address in a reverse zone", REVERSE_ZONE, a(f"1.0.{REVERSE_ZONE}")),
]
SERVERS_OWN = [
    ("the zone's own records", ZONE, Record(ZONE, "MX", "10 mail.example.com.", 5)),
    ("its SOA", ZONE, Record(ZONE, "SOA", "a. b. 1 2 3 4 5", 5)),
    ("signatures, wherever they stand", ZONE, Record(f"web.shop.svc.{ZONE}", "RRSIG", "A 8 1 5 1 1 1 x. eA==", 5)),
    ("proofs of absence", ZONE, Record(f"web.shop.svc.{ZONE}", "NSEC", f"{ZONE} A", 5)),
    ("the address of its name server", ZONE, a(f"ns.dns.{ZONE}")),
]


def divided(zone: str, record: Record, *, everything: bool = False) -> tuple[list[Record], list[Record]]:
    """The record as one of svcc's or of others, in a zone with a name server."""
    return Ownership(ZONE, everything=everything).divide(zone, [Record(zone, "NS", f"ns.dns.{ZONE}", 5), record])


@pytest.mark.parametrize(("sentence", "zone", "record"), OWNED, ids=[row[0] for row in OWNED])
def test_svcc_owns(sentence: str, zone: str, record: Record) -> None:
    assert divided(zone, record) == ([record], [])


@pytest.mark.parametrize(("sentence", "zone", "record"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_svcc_does_not_own_but_on_request(sentence: str, zone: str, record: Record) -> None:
    assert divided(zone, record) == ([], [record])
    assert divided(zone, record, everything=True) == ([record], [])


@pytest.mark.parametrize(("sentence", "zone", "record"), SERVERS_OWN, ids=[row[0] for row in SERVERS_OWN])
def test_the_server_keeps(sentence: str, zone: str, record: Record) -> None:
    for everything in (False, True):
        assert divided(zone, record, everything=everything) == ([], [])


def test_everything_that_is_declared_is_owned() -> None:
    for records in (shop(), declared(30)):
        for zone in records.zones:
            assert Ownership(ZONE).divide(zone.name, zone.records) == (list(zone.records), [])


NAMES = st.sampled_from(
    [f"{left}.{right}" for left in ("web.shop.svc", "cart.shop.svc", "printer", "x") for right in [ZONE]]
)
RECORDS = st.frozensets(st.builds(a, NAMES, st.sampled_from(["192.0.2.1", "192.0.2.2"]), st.sampled_from([5, 30])))


def _one_lifetime(records: frozenset[Record]) -> bool:
    return len({(record.name, record.type, record.ttl) for record in records}) == len(
        {record.name for record in records}
    )


@given(RECORDS.filter(_one_lifetime), RECORDS.filter(_one_lifetime))
def test_a_difference_leads_to_what_is_declared_and_to_no_further_difference(
    has: frozenset[Record], wanted: frozenset[Record]
) -> None:
    wanted = frozenset(record for record in wanted if ".svc." in record.name)
    difference = zone_difference(ZONE, has, wanted, Ownership(ZONE))
    after = (has - set(difference.removed)) | set(difference.added)
    assert {record for record in after if ".svc." in record.name} == wanted
    assert after - wanted == {record for record in has if ".svc." not in record.name}
    assert not zone_difference(ZONE, after, wanted, Ownership(ZONE))


@st.composite
def differences(draw: st.DrawFn) -> ZoneDifference:
    """Enough records for several messages, of some Services with very many."""
    label = "x" * draw(st.integers(1, 40))
    services = draw(st.integers(1, 40))
    count = draw(st.integers(0, 3000))
    kinds = draw(st.sampled_from([["A"], ["AAAA"], ["A", "SRV"], ["TXT"], ["PTR"]]))
    data = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "TXT": f'"{label}"'}
    records = []
    for index in range(count):
        name = f"{label}-{index}.web-{index % services}.team-{index % 7}.svc.{ZONE}"
        kind = kinds[index % len(kinds)]
        records.append(Record(name, kind, data.get(kind, name if kind == "PTR" else f"0 100 80 {name}"), 5))
    removed = draw(st.integers(0, count))
    return ZoneDifference(ZONE, tuple(records[:removed]), tuple(records[removed:]))


def _wire_bytes(changes: list[tuple[bool, Record]]) -> int:
    message = dns.update.UpdateMessage(ZONE, keyring=KEY)
    message.present(ZONE, dns.rdata.from_text("IN", "SOA", f"ns.dns.{ZONE} hostmaster.{ZONE} 1 2 3 4 5"))
    message.add(marker_name(ZONE, ZONE), 0, "TXT", '"svcc push 0123456789abcdef is unfinished"')
    for is_added, record in changes:
        data = dns.rdata.from_text("IN", record.type, record.data)
        if is_added:
            message.add(record.name, record.ttl, data)
        else:
            message.delete(record.name, data)
    return len(message.to_wire())


@settings(max_examples=20)
@given(differences())
def test_every_change_is_in_exactly_one_message_and_every_message_can_be_sent(difference: ZoneDifference) -> None:
    plan = plan_update(difference, ZONE)
    changes = [(change.is_added, change.record) for part in plan.parts for change in part]
    assert len(changes) == len(set(changes))
    assert set(changes) == {(False, item) for item in difference.removed} | {(True, item) for item in difference.added}
    sizes = [_wire_bytes([(change.is_added, change.record) for change in part]) for part in plan.parts]
    assert max(sizes, default=0) <= MOST_MESSAGE_BYTES


@given(differences())
def test_changes_of_one_service_stay_together_removals_first_unless_they_are_too_many(
    difference: ZoneDifference,
) -> None:
    plan = plan_update(difference, ZONE)
    parts: dict[str, set[int]] = {}
    for index, part in enumerate(plan.parts):
        last: dict[str, bool] = {}
        for change in part:
            owner = change.record.name.split(".", 1)[1]
            parts.setdefault(owner, set()).add(index)
            assert not (last.get(owner, False) and not change.is_added)
            last[owner] = change.is_added
    for owner, indices in parts.items():
        assert (len(indices) > 1) <= (owner in plan.divided)


def test_a_message_holds_nearly_as_much_as_it_can() -> None:
    zone = declared(1500).zones[0]
    plan = plan_update(ZoneDifference(ZONE, (), zone.records), ZONE)
    sizes = [_wire_bytes([(change.is_added, change.record) for change in part]) for part in plan.parts]
    assert min(sizes[:-1]) > 0.7 * MOST_MESSAGE_BYTES


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_serials_are_compared_as_dnspython_does(new: int, old: int) -> None:
    assert is_later(new, old) == (dns.serial.Serial(new) > dns.serial.Serial(old))


KEYS = [
    ("as tsig-keygen prints it", BIND),
    ("as keymgr prints it", KNOT),
    ("on one line without quotes", f"key push {{ secret {BASE64}; algorithm HMAC-SHA256; }};"),
    ("with comments of all kinds", f"/* key {{ */ // key\n# key x {{\n{BIND}"),
    (
        "inside a configuration of BIND",
        f'options {{ directory "/a//b"; }};\n{BIND}zone "x" {{ allow-update {{ key push; }}; }};',
    ),
    ("inside a configuration of Knot", f"server:\n    listen: 127.0.0.1\n{KNOT}acl:\n  - id: push\n    key: push\n"),
    ("with the final dot and the long name", BIND.replace('"push"', '"Push."')),
]


@pytest.mark.parametrize(("sentence", "text"), KEYS, ids=[row[0] for row in KEYS])
def test_a_key_is_read(sentence: str, text: str) -> None:
    assert tsig_key_of_text(text, "f") == TsigKey("push.", "hmac-sha256", b"01234567890123456789012345678901")


BAD_KEYS = [
    ("nothing", "", "there is no key in it"),
    ("something else", 'zone "x" { type primary; };', "there is no key in it"),
    ("two keys", BIND + BIND.replace("push", "other"), "there are 2 keys in it: push, other"),
    ("no secret", "key push { algorithm hmac-sha256; };", "the key has no secret"),
    ("no algorithm", f'key push {{ secret "{BASE64}"; }};', "the key has no algorithm"),
    ("an unknown algorithm", BIND.replace("sha256", "sha3"), "'hmac-sha3' is not known"),
    ("a secret that is not base64", BIND.replace(BASE64, "?secret?"), "is not base64"),
    ("an empty secret", 'key push { algorithm hmac-sha256; secret ""; };', "the key has no secret"),
    ("a name that cannot be", BIND.replace('"push"', '"a..b"'), "cannot be the name of a key"),
    ("a statement that does not end", "key push { algorithm", "the key has no algorithm"),
]


@pytest.mark.parametrize(("sentence", "text", "words"), BAD_KEYS, ids=[row[0] for row in BAD_KEYS])
def test_a_file_is_refused_that_holds(sentence: str, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        tsig_key_of_text(text, "push.key")
    assert refused.value.message.startswith("push.key: ")
    assert words in refused.value.message
    assert BASE64 not in refused.value.message
    assert "?secret?" not in refused.value.message


def test_a_key_does_not_show_its_secret() -> None:
    assert "0123" not in repr(tsig_key_of_text(BIND, "f"))


@given(st.text(alphabet='key{};"\\/*#\n -:idalgorthmsec'))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        tsig_key_of_text(text, "f")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_dnspython_signs_with_every_algorithm(algorithm: str) -> None:
    message = dns.update.UpdateMessage(ZONE, keyring=dns.tsig.Key("push.", b"secret", ALGORITHMS[algorithm]))
    message.to_wire()
    assert message.mac
