"""The evaluator, one sentence of its semantics at a time; what Hypothesis found in the kernel is here by name."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.errors import InputError
from svcc.kernel_hash import concatenated, nft_hashes
from svcc.trace.evaluator import Evaluation, Evaluator, Outcome
from svcc.trace.packet import Packet

NODE = "192.168.0.10"
OUTSIDE = "203.0.113.7"
POD = "10.244.1.9"


def evaluated(ruleset: str, packet: Packet | None = None, *, local: tuple[str, ...] = (NODE,)) -> Evaluation:
    question = packet or Packet("TCP", OUTSIDE, NODE, 40000, 80)
    return Evaluator(ruleset, local_addresses=local).evaluate(question)


def only(ruleset: str, packet: Packet | None = None) -> Outcome:
    [outcome] = evaluated(ruleset, packet).outcomes
    return outcome


def chain(rules: str, hook: str = "input", priority: str = "0", kind: str = "filter", policy: str = "accept") -> str:
    return f"chain {hook}-{kind} {{\ntype {kind} hook {hook} priority {priority}; policy {policy};\n{rules}\n}}\n"


def table(body: str, family: str = "ip", name: str = "t") -> str:
    return f"table {family} {name} {{\n{body}\n}}\n"


def test_without_rules_a_packet_goes_on() -> None:
    assert only("") == Outcome(Fraction(1), "accept", mark=0)


def test_the_policy_of_a_base_chain_decides_what_no_rule_does() -> None:
    assert only(table(chain("tcp dport 22 accept", policy="drop"))).verdict == "drop"
    assert only(table(chain("tcp dport 80 accept", policy="drop"))).verdict == "accept"


def test_accept_ends_one_base_chain_and_drop_ends_all() -> None:
    early = table(chain("accept", priority="-10"), name="early")
    late = table(chain("tcp dport 80 drop", priority="10"), name="late")
    assert only(early + late).verdict == "drop"


def test_base_chains_of_one_priority_are_a_question_only_if_their_order_matters() -> None:
    drops = table(chain("tcp dport 80 drop"), name="drops")
    rejects = table(chain("tcp dport 80 reject"), name="rejects")
    accepts = table(chain("accept"), name="accepts")
    assert only(drops + accepts).verdict == "drop"
    [unknown] = evaluated(drops + rejects).outcomes
    assert unknown.verdict == "unknown"
    assert "same priority" in unknown.reasons[0]


def test_a_rate_limit_is_a_question_where_it_makes_a_difference() -> None:
    logs = table(chain('limit rate 1/second log prefix "web"\ntcp dport 80 accept', policy="drop"))
    assert only(logs).verdict == "accept"
    [unknown] = evaluated(table(chain("tcp dport 80 limit rate 1/second accept\ndrop"))).outcomes
    assert unknown.verdict == "unknown"
    assert "limit rate" in unknown.reasons[0]
    assert "table ip t, chain input-filter" in unknown.reasons[0]


def test_a_statement_nobody_knows_makes_the_outcome_unknown_if_it_is_reached() -> None:
    ruleset = table(chain("tcp dport 81 frobnicate the packet\ntcp dport 80 accept"))
    assert only(ruleset).verdict == "accept"
    unknown = only(ruleset, Packet("TCP", OUTSIDE, NODE, 40000, 81))
    assert unknown.verdict == "unknown"
    assert "frobnicate" in unknown.reasons[0]


def test_what_is_known_of_a_half_unknown_outcome_keeps_its_chance() -> None:
    rules = "numgen random mod 4 vmap { 0 : drop, 1 : jump maybe }"
    ruleset = table("chain maybe {\nlimit rate 1/second drop\n}\n" + chain(rules))
    chances = {outcome.verdict: outcome.probability for outcome in evaluated(ruleset).outcomes}
    assert chances == {"accept": Fraction(1, 2), "drop": Fraction(1, 4), "unknown": Fraction(1, 4)}


def test_the_same_question_is_answered_once() -> None:
    ruleset = table(chain('iifname "eth0" meta mark set 0x1\niifname "eth0" meta mark 0x0 drop'))
    assert [outcome.verdict for outcome in evaluated(ruleset).outcomes] == ["accept"]
    assert evaluated(ruleset).outcomes[0].mark is None


def test_an_interface_that_is_not_given_still_is_not_the_loopback_interface() -> None:
    assert only(table(chain('iifname "lo" accept\ndrop'))).verdict == "drop"
    assert only(table(chain('iifname { "lo", "lo2" } accept\ndrop'))).verdict == "unknown"


def test_what_the_node_sends_to_itself_comes_in_through_the_loopback_interface() -> None:
    packet = Packet("TCP", NODE, NODE, 40000, 80, hook="output")
    assert only(table(chain('iifname "lo" drop')), packet).verdict == "drop"


def test_nat_chains_run_at_their_fixed_place_whatever_their_priority() -> None:
    nat = chain("tcp dport 80 dnat to 10.244.1.5:8080", "prerouting", "50", "nat")
    early = chain("ip daddr 10.244.1.5 drop", "prerouting", "-50")
    assert only(table(nat + early)).verdict == "drop"


def test_the_first_nat_chain_that_translates_is_the_last_one_that_is_asked() -> None:
    first = table(chain("accept", "prerouting", "-110", "nat"), name="first")
    second = table(chain("dnat to 10.244.1.5", "prerouting", "-100", "nat"), name="second")
    third = table(chain("dnat to 10.244.1.6", "prerouting", "-90", "nat"), name="third")
    assert only(first + second + third).address == "10.244.1.5"


def test_only_the_first_packet_of_a_connection_is_translated() -> None:
    nat = table(chain("dnat to 10.244.1.5", "prerouting", "-100", "nat"))
    assert only(nat, Packet("TCP", OUTSIDE, NODE, 40000, 80, state="established")).address is None


def test_a_packet_is_routed_by_its_new_destination() -> None:
    nat = chain("dnat to 10.244.1.5:8080", "prerouting", "-100", "nat")
    assert only(table(nat + chain("drop", "input"))).verdict == "accept"
    assert only(table(nat + chain("tcp dport 8080 drop", "forward"))).verdict == "drop"
    assert (
        only(table(nat + chain("ct original proto-dst 80 ct status dnat tcp dport 8080 drop", "forward"))).verdict
        == "drop"
    )


def test_a_translation_to_where_the_packet_went_anyway_leaves_no_status() -> None:
    nat = chain(f"dnat to {NODE}", "prerouting", "-100", "nat")
    assert only(table(nat + chain("ct status dnat drop"))).verdict == "accept"


def test_masquerading_hides_the_source_from_what_follows() -> None:
    nat = chain("masquerade", "postrouting", "100", "nat")
    packet = Packet("TCP", POD, "198.51.100.1", 40000, 80)
    assert only(table(nat), packet).masquerade
    after = chain(f"ip saddr {POD} drop", "postrouting", "200")
    assert only(table(nat + after), packet).verdict == "unknown"


def test_redirect_stays_on_the_node() -> None:
    nat = chain("tcp dport 80 redirect to :8080", "prerouting", "-100", "nat")
    outcome = only(
        table(nat + chain("tcp dport 8080 accept", policy="drop")), Packet("TCP", POD, "198.51.100.1", 40000, 80)
    )
    assert (outcome.verdict, outcome.destination_choice, outcome.port) == ("accept", "redirect", 8080)


def test_a_miss_of_a_map_ends_the_rule_and_everything_else_is_caught() -> None:
    missing = "tcp dport vmap { 81 : drop } drop"
    assert only(table(chain(missing))).verdict == "accept"
    caught = table(
        "map ports {\ntype inet_service : verdict\nelements = { 81 : accept, * : drop }\n}\n"
        + chain("tcp dport vmap @ports")
    )
    assert only(caught).verdict == "drop"


def test_goto_does_not_come_back_and_jump_does() -> None:
    chains = "chain nothing {\n}\n"
    assert only(table(chains + chain("jump nothing\ndrop"))).verdict == "drop"
    assert only(table(chains + chain("goto nothing\ndrop"))).verdict == "accept"


def test_chains_that_run_in_circles_end_as_unknown() -> None:
    ruleset = table("chain a {\ngoto b\n}\nchain b {\ngoto a\n}\n" + chain("goto a\n"))
    assert only(ruleset).verdict == "unknown"
    deep = table("chain a {\njump a\ncounter drop\n}\n" + chain("jump a"))
    assert "16 deep" in only(deep).reasons[0]


def test_a_chain_or_set_that_is_not_in_the_dump_makes_the_outcome_unknown() -> None:
    assert only(table(chain("jump elsewhere"))).verdict == "unknown"
    assert only(table(chain("ip saddr @elsewhere drop"))).verdict == "unknown"


def test_a_reset_in_a_table_of_both_families_may_be_for_the_other_one() -> None:
    # nft lists `meta nfproto ipv6 meta l4proto tcp reject with tcp reset` without the family.
    rule = "meta l4proto tcp reject with tcp reset"
    assert only(table(chain(rule), "inet")).verdict == "unknown"
    assert only(table(chain(rule))).reject_with == "tcp reset"
    assert only(table(chain(f"ip saddr {OUTSIDE} {rule}"), "inet")).reject_with == "tcp reset"
    assert only(table(chain(rule), "inet"), Packet("UDP", OUTSIDE, NODE, 40000, 80)).verdict == "accept"


def test_an_original_port_without_a_protocol_may_be_of_another_one() -> None:
    # nft lists `meta l4proto tcp ct original proto-dst 80` without the protocol.
    assert only(table(chain("ct original proto-dst 80 drop"))).verdict == "unknown"
    assert only(table(chain("meta l4proto tcp ct original proto-dst 80 drop"))).verdict == "drop"
    assert only(table(chain("ct original proto-dst 81 drop"))).verdict == "accept"


def test_a_masked_mark_never_equals_what_lies_outside_of_the_mask() -> None:
    # nft 1.0.6 lists `meta mark and 0xff000000 == 0x1` as this.
    assert only(table(chain("meta mark 0x00000001/8 drop"))).verdict == "accept"
    assert only(table(chain("meta mark 0x00000000/8 drop"))).verdict == "drop"


def test_refusals_are_told_in_the_words_of_the_packets_family() -> None:
    ruleset = table(chain("reject with icmpx host-unreachable"), "inet")
    assert only(ruleset).reject_with == "icmp host-unreachable"
    packet = Packet("TCP", "2001:db8::7", "fd00:1::10", 40000, 80)
    [outcome] = evaluated(ruleset, packet, local=("fd00:1::10",)).outcomes
    assert outcome.reject_with == "icmpv6 addr-unreachable"


def test_a_hash_has_the_kernels_value() -> None:
    targets = ", ".join(f"{slot} : 10.244.1.{slot + 1}" for slot in range(8))
    rule = f"dnat to jhash ip saddr . tcp sport mod 8 seed 0x1234 map {{ {targets} }}"
    ruleset = table(chain(rule, "prerouting", "-100", "nat"))
    for port in range(40000, 40200):
        key = concatenated([bytes([203, 0, 113, 7]), port.to_bytes(2, "big")])
        [slot] = nft_hashes([key], modulus=8, seed=0x1234)
        assert only(ruleset, Packet("TCP", OUTSIDE, NODE, port, 80)).address == f"10.244.1.{slot + 1}"


def test_a_hash_of_a_port_that_is_not_given_is_a_share_of_the_ports_of_clients() -> None:
    rule = "dnat to jhash tcp sport mod 2 seed 0x1 map { 0 : 10.244.1.1, 1 : 10.244.1.2 }"
    outcomes = evaluated(
        table(chain(rule, "prerouting", "-100", "nat")), Packet("TCP", OUTSIDE, NODE, None, 80)
    ).outcomes
    ports = range(32768, 61000)
    first = nft_hashes([port.to_bytes(2, "big") for port in ports], modulus=2, seed=1).count(0)
    assert {outcome.address: outcome.probability for outcome in outcomes} == {
        "10.244.1.1": Fraction(first, len(ports)),
        "10.244.1.2": Fraction(len(ports) - first, len(ports)),
    }


def test_a_hash_without_a_seed_is_a_choice() -> None:
    rule = "dnat to jhash ip saddr mod 4 map { 0 : 10.244.1.1, 1 : 10.244.1.2, 2 : 10.244.1.1, 3 : 10.244.1.1 }"
    outcomes = evaluated(table(chain(rule, "prerouting", "-100", "nat"))).outcomes
    assert [(outcome.address, outcome.probability) for outcome in outcomes] == [
        ("10.244.1.1", Fraction(3, 4)),
        ("10.244.1.2", Fraction(1, 4)),
    ]


def test_more_ways_than_can_be_tried_are_unknown_and_not_a_wait() -> None:
    ruleset = table(chain("numgen random mod 4294967295 vmap { 0 : drop }"))
    assert only(ruleset).verdict == "unknown"


def test_an_element_that_this_packet_remembers_is_there_at_once() -> None:
    ruleset = table(
        "set seen {\ntype ipv4_addr\nsize 9\nflags dynamic,timeout\ntimeout 1m\n}\n"
        + chain("add @seen { ip saddr }\nip saddr @seen drop")
    )
    assert only(ruleset).verdict == "drop"


def test_steps_tell_the_way() -> None:
    outcome = only(table("chain web {\ntcp dport 80 drop\n}\n" + chain("jump web")))
    assert [(step.hook, step.chain, step.rule, step.note) for step in outcome.steps] == [
        ("input", "input-filter", "jump web", "jump web"),
        ("input", "web", "tcp dport 80 drop", "drop"),
    ]


LISTINGS = sorted((Path(__file__).parents[1] / "data" / "listings").glob("firewalls-*.nft"))


@pytest.mark.parametrize("listing", LISTINGS, ids=[listing.stem for listing in LISTINGS])
@pytest.mark.parametrize(
    ("source", "destination", "port", "interfaces", "verdict"),
    [
        (OUTSIDE, NODE, 22, ("eth0", None), "accept"),
        (OUTSIDE, NODE, 8080, ("eth0", None), "unknown"),  # two firewalls of one priority
        ("172.17.0.2", "8.8.8.8", 80, ("docker0", "eth0"), "reject"),
        ("192.168.122.5", "8.8.8.8", 80, ("virbr0", "eth0"), "reject"),
        (OUTSIDE, "172.17.0.2", 80, ("eth0", "docker0"), "drop"),
    ],
)
def test_firewalls_of_hosts_are_followed_whichever_nft_lists_them(
    listing: Path, source: str, destination: str, port: int, interfaces: tuple[str, str | None], verdict: str
) -> None:
    packet = Packet(
        "TCP", source, destination, 40000, port, input_interface=interfaces[0], output_interface=interfaces[1]
    )
    assert only(listing.read_text(), packet).verdict == verdict


@pytest.mark.parametrize(
    "dump",
    [
        "table inet x {\nchain c {\ntype filter hook forward priority wat; policy drop;\n}\n}\n",
        '{"nftables": [{"rule": 7}]}',
        '{"nftables": [{"chain": {"family": "ip", "table": "x", "name": "y", "type": "nat", "hook": 7, "prio": 0}}]}',
        '{"nftables": [{"rule": {"family": "ip", "table": "x", "chain": "y", "expr": [{"drop": null}]}}]}',
    ],
)
def test_what_is_not_understood_of_a_dump_and_may_decide_makes_everything_unknown(dump: str) -> None:
    unknown = only(dump)
    assert unknown.verdict == "unknown"
    assert unknown.reasons
    assert unknown.probability == 1


def test_what_is_not_understood_of_other_families_decides_nothing_about_ip() -> None:
    ruleset = "table bridge x {\nchain c {\ntype filter hook forward priority wat; policy drop;\n}\n}\n"
    assert only(ruleset).verdict == "accept"


@pytest.mark.parametrize("dump", ["{", '{"nftables": [{"table": ', "table ip t {", "[]", "\0\0\0", "{}"])
def test_what_is_no_dump_is_refused(dump: str) -> None:
    with pytest.raises(InputError, match="the dump cannot be read"):
        Evaluator(dump)


@given(
    st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    try:
        evaluator = Evaluator(document)
    except InputError:
        return
    assert sum(outcome.probability for outcome in evaluator.evaluate(Packet("TCP", POD, NODE, 1, 2)).outcomes) == 1


def test_packets_that_make_no_sense_are_refused() -> None:
    for arguments, message in (
        (("TCP", POD, "fd00::1", 1, 2), "different families"),
        (("TCP", POD, NODE, 1), "needs a destination port"),
        (("HTTP", POD, NODE, 1, 2), "protocol must be one of TCP, UDP, SCTP"),
        (("TCP", POD, "nowhere", 1, 2), "'nowhere' is no IP address"),
        (("TCP", POD, NODE, 1, 65536), "destination_port must be from 0 to 65535"),
        ((1, POD, NODE, None, 2), "protocol 1 has no ports"),
    ):
        with pytest.raises(ValueError, match=message):
            Packet(*arguments)
