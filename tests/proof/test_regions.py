"""What a ruleset does with all packets, looked up for one: the evaluator's answer for that packet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from svcc._native import Program, Regions
from svcc.addresses import address_bytes
from svcc.compiler.compilation import compile_cluster
from svcc.nft.text import table_text
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset
from tests.kube_proxy.differences import as_kube_proxy_reads
from tests.strategies.ruleset_packets import RulesetPacket, packets_for
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import rulesets
from tests.strategies.scenarios import Scenario, scenarios

DATA = Path(__file__).parents[1] / "data"
LOCAL = ("192.168.0.11", "10.0.0.1", "fd00:1::11")
LIMIT = 1 << 22
PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
WITH_PORTS = {6, 17, 33, 132, 136}

Packet = tuple[int, str, str, int, int, str, str, int]
Distribution = dict[tuple[object, ...], Fraction]
Row = tuple[tuple[int, int], str, str | None, object, object, int | None, list[str], object]


class Both:
    """A ruleset run for single packets, and for all at once."""

    def __init__(self, document: bytes, local: Iterable[str], json: bool = False) -> None:
        self.program = Program(document, json, [address_bytes(each) for each in local], False)
        self.regions: dict[tuple[bool, int, str, int | None], Regions] = {}

    def agree(self, packet: Packet, output: bool, state: str = "new", known_mark: bool = False) -> bool:
        """Whether anything was known of the packet; raises AssertionError if the two say different things."""
        protocol, source, destination, source_port, port, enters, leaves, mark = packet
        version = ipaddress.ip_address(source).version
        case = (output, version, state, mark if known_mark else None)
        if case not in self.regions:
            self.regions[case] = Regions(self.program, *case, LIMIT)
        pair = (address_bytes(source), address_bytes(destination))
        ported = port if protocol in WITH_PORTS else None
        ways = self.regions[case].predict(protocol, *pair, source_port, ported, enters, leaves, mark)
        rows = self.program.outcomes(
            protocol, *pair, source_port, ported, output, None if output else enters, leaves, mark, state, False
        )
        assert ways is not None
        reasons = [reason for way in ways for row in way for reason in row[6]]
        if any("told for single packets only" in reason for reason in reasons):
            event("told for single packets only")
            return False
        if any("too many to try" in reason for row in rows for reason in row[6]):
            # Draws one after another multiply for one packet, also where all that they lead to is one region.
            event("too many ways to try for one packet")
            return False
        expected = distribution(rows)
        found = [distribution(way) for way in ways]
        where = f"{packet} {output=} {state} {known_mark=}\nevaluator: {expected}\nregions: {found}\n{reasons}"
        if not any(outcome[0] == "unknown" for outcome in expected):
            assert all(same(expected, each) for each in found), where
            return True
        assert not all(each == found[0] and not any(key[0] == "unknown" for key in each) for each in found), where
        for outcome, chance in expected.items():
            if outcome[0] != "unknown":
                assert all(share(each, outcome) >= chance for each in found), where
        return False


def distribution(rows: Sequence[Row]) -> Distribution:
    chances: Distribution = {}
    for row in rows:
        chances[row[1:6]] = chances.get(row[1:6], Fraction(0)) + Fraction(*row[0])
    return chances


def share(way: Distribution, outcome: tuple[object, ...]) -> Fraction:
    """How likely an outcome is, with any mark if its own is not known."""
    blurred = outcome[-1] is None
    return sum((c for key, c in way.items() if key == outcome or (blurred and key[:-1] == outcome[:-1])), Fraction(0))


def same(expected: Distribution, way: Distribution) -> bool:
    return sum(way.values()) == 1 and all(share(way, outcome) == chance for outcome, chance in expected.items())


def of_ruleset(packet: RulesetPacket) -> tuple[Packet, bool]:
    enters = {"outside": "eth0", "pod": "veth1", "output": "eth0"}[packet.entry]
    addresses = (packet.source, packet.destination, packet.source_port, packet.destination_port)
    return (PROTOCOLS[packet.protocol], *addresses, enters, "eth1", packet.mark), packet.entry == "output"


@st.composite
def random_journeys(draw: st.DrawFn) -> tuple[Ruleset, list[RulesetPacket]]:
    ruleset = draw(rulesets())
    return ruleset, draw(st.lists(packets_for(ruleset), min_size=10, max_size=10))


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(journey=random_journeys(), state=st.sampled_from(["new", "new", "new", "established", "related", "invalid"]))
def test_the_region_a_packet_lies_in_predicts_its_outcome(
    journey: tuple[Ruleset, list[RulesetPacket]], state: str
) -> None:
    ruleset, packets = journey
    note(ruleset.text)
    both = Both(ruleset.text.encode(), LOCAL)
    for each in packets:
        packet, output = of_ruleset(each)
        both.agree(packet, output, state)
        both.agree(packet, output, state, known_mark=True)


def test_what_packets_with_other_new_destinations_meet_is_not_left_out_where_one_of_them_has_a_way_of_its_own() -> None:
    both = Both(
        b"""table ip t {
            chain translates {
                type nat hook prerouting priority -100;
                meta l4proto tcp dnat ip addr . port to jhash th dport mod 2 seed 0x0 map { 1 : 203.0.113.99 . 9090 }
                meta l4proto tcp dnat to 10.244.0.2:80
            }
            chain asks_for_a_hash_of_the_new_port {
                type filter hook forward priority 0;
                ip daddr 203.0.113.99 drop
                jhash th dport mod 2 seed 0x0 vmap { 0 : accept }
            }
        }""",
        LOCAL,
    )
    for port in range(1, 65):
        assert both.agree((6, "10.244.0.1", "192.168.0.9", 40000, port, "veth1", "eth1", 0), output=False)


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
@settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
@given(scenario=scenarios(), data=st.data())
def test_so_it_does_in_every_layout_of_kube_proxy(layout: str, scenario: Scenario, data: st.DataObject) -> None:
    scenario = as_kube_proxy_reads(scenario)
    text = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=1)
    both = Both(text.encode(), scenario.facts.local_addresses)
    note(text)
    for packet in data.draw(st.lists(packets_of(text, scenario.facts.local_addresses), min_size=20, max_size=20)):
        both.agree(packet, data.draw(st.booleans()))


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(scenario=scenarios(), data=st.data())
def test_so_it_does_in_what_svcc_compiles(scenario: Scenario, data: st.DataObject) -> None:
    ruleset = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings).ruleset
    text = "".join(piece for table in ruleset.tables for piece in table_text(table))
    both = Both(text.encode(), scenario.facts.local_addresses)
    note(text)
    for packet in data.draw(st.lists(packets_of(text, scenario.facts.local_addresses), min_size=20, max_size=20)):
        both.agree(packet, data.draw(st.booleans()))


def packets_of(text: str, local: Iterable[str]) -> st.SearchStrategy[Packet]:
    """Packets between addresses and ports that the text names."""
    words = {word.strip('{},;:"') for word in text.split()}
    addresses = {4: {"198.51.100.7", "127.0.0.1"}, 6: {"2001:db8::7", "::1"}}
    ports = {1, 40000}
    for word in [*words, *local]:
        if word.isdigit() and 0 < int(word) < 65536:
            ports.add(int(word))
        try:
            address = ipaddress.ip_interface(word).ip
        except ValueError:
            continue
        if not word.isdigit():
            addresses[address.version].add(str(address))

    def of_version(version: int) -> st.SearchStrategy[Packet]:
        some = st.sampled_from(sorted(addresses[version]))
        port = st.sampled_from(sorted(ports))
        names = st.sampled_from(["eth0", "veth1"])
        protocols = st.sampled_from([6, 6, 17, 132, 1, 58])
        return st.tuples(protocols, some, some, port, port, names, names, st.sampled_from([0, 0, 0x4000, 0x8000, 1]))

    return st.sampled_from([4, 6]).flatmap(of_version)


@pytest.mark.parametrize(
    "path",
    sorted(
        path for path in DATA.rglob("*") if path.suffix in {".json", ".nft", ".txt"} and path.parent.name != "schemas"
    ),
    ids=lambda path: str(path.relative_to(DATA)),
)
def test_so_it_does_in_recorded_dumps(path: Path) -> None:
    text = path.read_text()
    try:
        both = Both(text.encode(), LOCAL, json=path.suffix == ".json")
    except ValueError:
        pytest.skip("it is refused as a whole")

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(packet=packets_of(text, LOCAL), output=st.booleans(), state=st.sampled_from(["new", "new", "established"]))
    def agree(packet: Packet, output: bool, state: str) -> None:
        both.agree(packet, output, state)

    agree()
