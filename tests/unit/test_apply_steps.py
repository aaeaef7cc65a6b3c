"""The steps of a change: what is there before frontends lead to it, and what stays for packets that are under way."""

from __future__ import annotations

import pytest
from attrs import evolve

from svcc.apply.steps import merged_leftovers, set_aside, steps_of, tidying, tidyings
from svcc.model.cluster import ClusterObject
from svcc.model.service import Protocol
from svcc.nft.objects import Chain, Ruleset, Set, Table
from svcc.nft.transaction import transaction
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet
from tests.changes.nft_model import Model
from tests.declare import compiled, remote, service, slices
from tests.earlier import with_verdicts


def web(count: int, **fields: object) -> list[ClusterObject]:
    return [
        service("web", ["10.96.0.1"], **fields),
        *slices("web", [remote(f"10.244.1.{number}") for number in range(1, count + 1)]),
    ]


def ruleset(*objects: ClusterObject) -> Ruleset:
    return compiled(objects).ruleset


def sets_of(given: Ruleset) -> dict[str, Set]:
    return {item.name: item for table in given.tables if table.family == "ip" for item in table.sets if item.elements}


def chains_of(given: Ruleset) -> set[str]:
    return {chain.name for table in given.tables if table.family == "ip" for chain in table.chains}


KEY = ("tcp", "10.96.0.1", 80)


def test_a_new_number_leads_to_its_chain_before_a_frontend_that_is_served_has_it() -> None:
    steps = steps_of(ruleset(*web(1)), ruleset(*web(2)))
    assert "add chain ip svcc pick-2" in steps.prepare.script
    assert "0:2 : goto pick-2" in steps.prepare.script
    assert "services" not in steps.prepare.script
    assert "tcp . 10.96.0.1 . 80 comment" in steps.commit.script
    assert "picks" not in steps.commit.script


@pytest.mark.parametrize("before", [[], web(0)])
def test_a_frontend_that_was_not_served_needs_no_preparation(before: list[ClusterObject]) -> None:
    steps = steps_of(ruleset(*before), ruleset(*web(2)))
    assert not steps.prepare
    assert "0:2 : goto pick-2" in steps.commit.script


def test_a_number_that_nobody_has_any_more_still_leads_to_its_chain_and_goes_first() -> None:
    steps = steps_of(ruleset(*web(3)), ruleset(*web(2)))
    assert "pick-3" not in steps.commit.script
    assert sets_of(steps.leftovers)["picks"].elements[0][0] == ("0:3",)
    first, second = tidyings(steps.leftovers)
    assert "0:3" in first.script
    assert "chain" not in first.script, "Linux before 6.2 has the chain still in use in this transaction"
    assert second.script == "flush chain ip svcc pick-3\ndelete chain ip svcc pick-3\n"
    assert tidying(steps.leftovers)[1].tables[0].sets == ()


def test_pick_chains_are_set_aside_with_what_leads_to_them() -> None:
    steps = steps_of(ruleset(*web(3)), ruleset(*web(2)))
    rest, spare = set_aside(steps.leftovers)
    assert sets_of(rest).keys() == {"endpoints-tcp"}
    assert not chains_of(rest)
    assert sets_of(spare).keys() == {"picks"}
    assert chains_of(spare) == {"pick-3"}
    before, remaining = merged_leftovers(spare, ruleset(*web(2)), ruleset(*web(3)))
    assert not transaction(before, ruleset(*web(3))).script.count("pick-3")
    assert remaining.tables == ()


@pytest.mark.parametrize(
    "before", [ruleset(*web(2, session_affinity="ClientIP")), with_verdicts(ruleset(*web(2)))], ids=["sticky", "older"]
)
def test_a_frontend_that_moves_to_the_numbers_stays_among_the_verdicts_until_packets_are_through(
    before: Ruleset,
) -> None:
    steps = steps_of(before, ruleset(*web(2)))
    assert "delete element ip svcc services" not in steps.commit.script
    assert [key for key, _data in sets_of(steps.leftovers)["services"].elements] == [KEY]
    assert "delete element ip svcc services" in next(tidyings(steps.leftovers)).script


def test_a_frontend_that_moves_to_the_verdicts_needs_nothing_as_it_is_looked_for_there_last() -> None:
    steps = steps_of(ruleset(*web(2)), ruleset(*web(2, session_affinity="ClientIP")))
    assert "add chain ip svcc sticky-default/web/tcp/http" in steps.prepare.script
    assert "balanced-services" not in sets_of(steps.leftovers)


@pytest.mark.parametrize("after", [[], web(0), web(2, session_affinity="ClientIP")], ids=["gone", "refused", "sticky"])
def test_what_lies_among_the_verdicts_serves_nobody_after_the_frontend_has_changed_again(
    after: list[ClusterObject],
) -> None:
    sticky, plain, wanted = ruleset(*web(2, session_affinity="ClientIP")), ruleset(*web(2)), ruleset(*after)
    leftovers = steps_of(sticky, plain).leftovers
    before, remaining = merged_leftovers(leftovers, plain, wanted)
    steps = steps_of(before, wanted)
    assert "services" not in sets_of(remaining)
    assert "services" not in sets_of(steps.leftovers)
    if sets_of(wanted).get("services") is None:
        assert "delete element ip svcc services" in steps.commit.script


TURNS = {"annotations": {"svcc.dev/load-balancing": "round-robin"}}
CHANGES = {
    "one endpoint more": (ruleset(*web(1)), ruleset(*web(2))),
    "two endpoints less": (ruleset(*web(3)), ruleset(*web(1))),
    "affinity begins": (ruleset(*web(2)), ruleset(*web(2, session_affinity="ClientIP"))),
    "affinity ends": (ruleset(*web(2, session_affinity="ClientIP")), ruleset(*web(3))),
    "turns begin": (ruleset(*web(2)), ruleset(*web(3, **TURNS))),
    "turns end": (ruleset(*web(2, **TURNS)), ruleset(*web(1))),
    "an upgrade": (with_verdicts(ruleset(*web(2))), ruleset(*web(2))),
    "an upgrade and an endpoint more": (with_verdicts(ruleset(*web(2))), ruleset(*web(3))),
    "an upgrade of a sticky Service": (
        with_verdicts(ruleset(*web(2, session_affinity="ClientIP"))),
        ruleset(*web(2, session_affinity="ClientIP")),
    ),
}
LOOKED_INTO = ("balanced-services", "picks", "services", "endpoints-tcp")
"""In the order of the program."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_packet_that_is_under_way_is_served_whichever_maps_it_has_asked_before_the_commit(change: str) -> None:
    # It goes on with the rules it began with, and finds what each map holds at that moment.
    before, after = CHANGES[change]
    steps = steps_of(before, after)
    ready = Model.holding(before).run(*steps.prepare.commands)
    then = Model.holding(before).run(*steps.prepare.commands).run(*steps.commit.commands)
    packet = Packet(Protocol.TCP, "10.244.1.9", "10.96.0.1", None, 80)
    for asked in range(len(LOOKED_INTO) + 1):
        tables = []
        for name, table in ready.tables.items():
            held = {each: table if each in LOOKED_INTO[:asked] else then.tables[name] for each in table.sets}
            sets = [
                evolve(
                    item.declared,
                    elements=tuple((key, data) for key, (data, _comment) in held[each].sets[each].elements.items()),
                    comments={},
                )
                for each, item in table.sets.items()
            ]
            chains = [Chain(each, tuple(chain.rules), chain.hook) for each, chain in table.chains.items()]
            tables.append(Table(name.family, name.name, tuple(sets), tuple(chains)))
        outcomes = Evaluator(Ruleset(tuple(tables))).evaluate(packet).outcomes
        assert all((each.address or "").startswith("10.244.1.") for each in outcomes), (LOOKED_INTO[:asked], outcomes)
