"""The steps of a change: what is there before frontends lead to it, and what stays for packets that are under way."""

from __future__ import annotations

import pytest

from svcc.apply.steps import merged_leftovers, set_aside, steps_of, tidying, tidyings
from svcc.model.cluster import ClusterObject
from svcc.nft.objects import Ruleset, Set
from svcc.nft.transaction import transaction
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
