"""What changes leave behind, by its age."""

from __future__ import annotations

from svcc.apply.leftovers import Leftovers
from svcc.apply.steps import NOTHING, steps_of, tidying
from svcc.compiler.picks import PICKS
from svcc.nft.objects import Chain, Ruleset, Set, Table
from svcc.nft.statements import Verdict
from tests.declare import compiled, remote, service, slices

SECONDS = 0.125


def slot(number: int) -> Ruleset:
    """What is left of an endpoint that is drawn no more."""
    elements = ((("10.96.0.1", 80, number), ("10.244.1.1", 8080)),)
    return Ruleset((Table("ip", "svcc", (Set("endpoints-tcp", (), elements),), ()),))


def keys_of(ruleset: Ruleset) -> list[object]:
    return [key[-1] for table in ruleset.tables for item in table.sets for key, _data in item.elements]


def sticky(*, leads: bool, chain: bool) -> Ruleset:
    elements = ((("tcp", "10.96.0.1", 80), Verdict("goto", "sticky-web")),) if leads else ()
    chains = (Chain("sticky-web", ()),) if chain else ()
    return Ruleset((Table("ip", "svcc", (Set("services", (), elements, is_verdict_map=True),), chains),))


def test_what_is_left_behind_goes_after_its_time_although_changes_never_end() -> None:
    leftovers = Leftovers(SECONDS, keep_pick_chains=False)
    age: dict[object, float] = {}
    left_at: dict[object, float] = {}
    for number in range(256):
        now = number / 64
        for key in keys_of(leftovers.take_due(now)):
            age[key] = now - left_at[key]
        leftovers.add(slot(number), now)
        left_at[number] = now
    assert len(age) > 256 - 2 * 64 * SECONDS - 1
    assert min(age.values()) >= SECONDS
    assert max(age.values()) <= 2 * SECONDS


def test_nothing_is_due_where_nothing_is_left() -> None:
    leftovers = Leftovers(SECONDS, keep_pick_chains=False)
    assert [leftovers.due] == [None]
    assert leftovers.take_due(1e9) == NOTHING
    leftovers.add(slot(1), 1.0)
    assert [leftovers.due] == [1.0 + SECONDS]
    assert leftovers.take_due(1.0) == NOTHING
    assert leftovers.take_due(1.0 + SECONDS) == slot(1)
    assert not leftovers


def test_a_chain_waits_for_a_younger_element_that_leads_to_it() -> None:
    leftovers = Leftovers(SECONDS, keep_pick_chains=False)
    leftovers.add(sticky(leads=False, chain=True), 0.0)
    leftovers.add(sticky(leads=True, chain=False), SECONDS)
    assert not any(table.chains for table in leftovers.take_due(SECONDS).tables)
    due = leftovers.take_due(2 * SECONDS)
    first, later = tidying(due)
    assert "delete element ip svcc services" in first.script
    assert "delete chain" not in first.script
    assert [chain.name for table in later.tables for chain in table.chains] == ["sticky-web"]


def test_what_a_change_names_again_is_no_leftover_whenever_it_was_left() -> None:
    leftovers = Leftovers(SECONDS, keep_pick_chains=False)
    leftovers.add(slot(1), 0.0)
    leftovers.add(slot(2), SECONDS)
    empty = Ruleset(tuple(Table("ip", "svcc", (Set("endpoints-tcp", ()),), ()) for _ in range(1)))
    assert sorted(map(str, keys_of(leftovers.merged(empty, slot(2))))) == ["2"]
    assert keys_of(leftovers.ruleset) == [1]
    assert sorted(map(str, keys_of(leftovers.merged(empty, slot(1))))) == ["1"]
    assert not leftovers


def test_a_change_that_names_nothing_of_them_costs_no_copy() -> None:
    leftovers = Leftovers(SECONDS, keep_pick_chains=False)
    leftovers.add(slot(1), 0.0)
    before, after = slot(2), slot(3)
    assert leftovers.merged(before, after) is before


def test_pick_chains_that_are_kept_are_never_due_and_are_named_again() -> None:
    web = [service("web", ["10.96.0.1"])]
    three, two = (
        compiled([*web, *slices("web", [remote(f"10.244.1.{number}") for number in range(1, count + 1)])]).ruleset
        for count in (3, 2)
    )
    leftovers = Leftovers(SECONDS, keep_pick_chains=True)
    leftovers.add(steps_of(three, two).leftovers, 0.0)
    due = leftovers.take_due(1e9)
    assert not leftovers
    assert not any(item.name == PICKS for table in due.tables for item in table.sets)
    assert {chain.name for table in leftovers.ruleset.tables for chain in table.chains} == {"pick-3"}
    steps = steps_of(leftovers.merged(two, three), three)
    assert "chain" not in f"{steps.prepare.script}{steps.commit.script}"
    assert not leftovers.ruleset.tables
