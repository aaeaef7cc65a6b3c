"""The smallest transaction between two rulesets, judged by a model that refuses what the kernel refuses."""

from __future__ import annotations

import attrs
import pytest
from attrs import evolve
from hypothesis import given

from svcc.compiler.compilation import compile_cluster
from svcc.model.endpoints import Endpoint
from svcc.nft.commands import (
    AddChain,
    AddElements,
    AddRule,
    Command,
    DeleteChain,
    DeleteElements,
    DeleteSet,
    DeleteTable,
    FlushChain,
    TableName,
)
from svcc.nft.objects import BaseHook, Chain, Rule, Ruleset, Set, Table
from svcc.nft.statements import Verdict
from svcc.nft.transaction import Transaction, transaction
from tests.changes.nft_model import Model, RefusedError
from tests.declare import compiled, remote, service, slices
from tests.strategies.scenarios import Scenario, scenarios

IP = TableName("ip", "svcc")
NOTHING = Ruleset(())


def ruleset_of(scenario: Scenario) -> Ruleset:
    return compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings).ruleset


def web(*addresses: str, name: str = "web", **fields: object) -> Ruleset:
    endpoints: list[Endpoint] = [remote(address) for address in addresses]
    return compiled(service(name, ["10.96.0.1"], **fields), slices(name, endpoints)).ruleset


def kinds(commands: Transaction) -> list[type[Command]]:
    return [type(command) for command in commands.commands]


@given(scenario=scenarios())
def test_between_a_ruleset_and_itself_there_is_nothing_to_do(scenario: Scenario) -> None:
    change = transaction(ruleset_of(scenario), ruleset_of(scenario))
    assert not change
    assert change.script == ""


@given(before=scenarios(), after=scenarios())
def test_the_commands_are_taken_and_lead_to_the_ruleset_after(before: Scenario, after: Scenario) -> None:
    old, new = ruleset_of(before), ruleset_of(after)
    assert Model.holding(old).run(*transaction(old, new).commands).content == Model.holding(new).content


@given(scenario=scenarios())
def test_from_nothing_and_to_nothing(scenario: Scenario) -> None:
    ruleset = ruleset_of(scenario)
    assert Model().run(*transaction(NOTHING, ruleset).commands).content == Model.holding(ruleset).content
    assert transaction(ruleset, NOTHING).commands == (DeleteTable(IP), DeleteTable(TableName("ip6", "svcc")))


@given(before=scenarios(), after=scenarios())
def test_no_element_is_named_that_stays_the_same(before: Scenario, after: Scenario) -> None:
    old, new = ruleset_of(before), ruleset_of(after)
    commands = transaction(old, new).commands
    for name in {TableName(table.family, table.name) for table in old.tables}:
        for item in Model.holding(old).tables[name].sets.values():
            kept = Model.holding(new).tables[name].sets[item.declared.name].elements
            same = {key for key, value in item.elements.items() if kept.get(key) == value}
            named = {
                key
                for command in commands
                if isinstance(command, AddElements | DeleteElements)
                and (command.table, command.elements.name) == (name, item.declared.name)
                for key, _ in command.elements.elements
            }
            assert not named & same


def test_a_service_with_one_endpoint_more_changes_its_elements_and_its_pick_chain() -> None:
    change = transaction(web("10.244.1.1"), web("10.244.1.1", "10.244.1.2"))
    assert "add element ip svcc balanced-services {\n\t\t\ttcp . 10.96.0.1 . 80" in change.script
    assert set(kinds(change)) == {FlushChain, DeleteElements, DeleteChain, AddChain, AddElements, AddRule}
    assert change.script.count("10.96.0.1 . 80 . 0") <= 2
    assert "hairpins" not in change.script


def test_an_endpoint_that_is_exchanged_changes_one_element() -> None:
    change = transaction(web("10.244.1.1"), web("10.244.1.2"))
    assert change.script == (
        "delete element ip svcc endpoints-tcp {\n\t\t\t10.96.0.1 . 80 . 0,\n}\n"
        "add element ip svcc endpoints-tcp {\n\t\t\t10.96.0.1 . 80 . 0 : 10.244.1.2 . 8080,\n}\n"
    )


def test_a_service_of_another_name_at_the_same_address_changes_its_comment() -> None:
    change = transaction(web("10.244.1.1"), web("10.244.1.1", name="shop"))
    assert kinds(change) == [DeleteElements, AddElements]
    assert 'comment "default/shop:http"' in change.script


def test_comments_that_nft_would_cut_to_the_same_text_are_the_same() -> None:
    def with_comment(text: str) -> Ruleset:
        return Ruleset((Table("ip", "svcc", (Set("a", (), elements=((("x",), None),), comments={("x",): text}),), ()),))

    assert not transaction(with_comment("a" * 200 + "b"), with_comment("a" * 200 + "c"))
    assert transaction(with_comment("b"), with_comment("c"))


def test_what_packets_have_written_is_never_touched() -> None:
    before = web("10.244.1.1", session_affinity="ClientIP")
    held = []
    for table in before.tables:
        sets = [
            evolve(item, elements=((("192.0.2.1", 7), ("0:1",)),)) if item.name == "affinity" else item
            for item in table.sets
        ]
        held.append(evolve(table, sets=tuple(sets)))
    assert not transaction(Ruleset(tuple(held)), before)
    change = transaction(Ruleset(tuple(held)), web("10.244.1.2", session_affinity="ClientIP"))
    assert change
    assert "svcc affinity" not in change.script


def test_a_chain_that_only_grows_at_its_end_gets_just_the_new_rules() -> None:
    drop, accept = Rule((Verdict("drop"),)), Rule((Verdict("accept"),))
    old, new = (Ruleset((Table("ip", "svcc", (), (Chain("c", rules),)),)) for rules in ((drop,), (drop, accept)))
    assert transaction(old, new).commands == (AddRule(IP, "c", accept),)
    assert transaction(new, old).commands == (FlushChain(IP, "c"), AddRule(IP, "c", drop))


def test_a_base_chain_with_another_hook_is_made_anew() -> None:
    rule = Rule((Verdict("drop"),))
    old, new = (
        Ruleset((Table("ip", "svcc", (), (Chain("c", (rule,), BaseHook("filter", "input", priority)),)),))
        for priority in (0, 1)
    )
    assert kinds(transaction(old, new)) == [FlushChain, DeleteChain, AddChain, AddRule]
    assert Model.holding(old).run(*transaction(old, new).commands).content == Model.holding(new).content


def test_a_map_that_is_declared_otherwise_is_made_anew_with_the_rules_that_look_into_it() -> None:
    before = web("10.244.1.1")
    tables = []
    for table in before.tables:
        sets = [evolve(item, size=4096) if item.name == "services" else item for item in table.sets]
        tables.append(evolve(table, sets=tuple(sets)))
    after = Ruleset(tuple(tables))
    change = transaction(before, after)
    assert Model.holding(before).run(*change.commands).content == Model.holding(after).content
    flushed = {command.chain for command in change.commands if isinstance(command, FlushChain)}
    assert flushed == {"services"}
    assert DeleteSet in kinds(change)


@pytest.mark.parametrize("position", [DeleteElements, AddChain])
def test_the_model_refuses_another_order(position: type[Command]) -> None:
    before, after = web("10.244.1.1"), web("10.244.1.1", "10.244.1.2")
    commands = list(transaction(before, after).commands)
    first = next(command for command in commands if isinstance(command, position))
    commands.remove(first)
    with pytest.raises(RefusedError):
        Model.holding(before).run(*commands, first)


def test_a_transaction_is_a_value() -> None:
    assert transaction(web("10.244.1.1"), web("10.244.1.2")) == transaction(web("10.244.1.1"), web("10.244.1.2"))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        transaction(NOTHING, NOTHING).commands = ()  # type: ignore[misc]
