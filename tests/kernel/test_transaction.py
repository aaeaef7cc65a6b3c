"""A transaction takes the kernel from any ruleset of svcc to any other, and leaves what a cold start would."""

from __future__ import annotations

import collections
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from svcc.compiler.affinity_records import forgetting_transaction
from svcc.compiler.compilation import compile_cluster
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import transaction
from tests.cli.command import svcc
from tests.declare import compiled, remote, service, slices
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.kernel.nft_versions import SYSTEM, Program
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.strategies.scenarios import Scenario, scenarios

pytestmark = pytest.mark.kernel

NOTHING = Ruleset(())


def ruleset_of(scenario: Scenario) -> Ruleset:
    return compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings).ruleset


def loaded(namespace: NetworkNamespace, script: str, program: Program = SYSTEM) -> None:
    result = namespace.run(*program.command, "-f", "-", text=script)
    assert result.returncode == 0, f"{result.stderr}\n{script}"


def listing(namespace: NetworkNamespace) -> list[str]:
    """All that the kernel holds, whatever the order and the handles of objects; rules keep theirs inside a chain."""
    return comparable(json.loads(namespace.run("nft", "-j", "list", "ruleset").stdout)["nftables"])


def comparable(found: list[dict[str, Any]]) -> list[str]:
    """The objects of a listing as lines that are alike where the kernel holds the same; they are changed for it."""
    lines = []
    places: dict[tuple[str, str], int] = {}
    for item in found:
        for kind, body in item.items():
            body.pop("handle", None)
            if "elem" in body:
                body["elem"] = sorted(json.dumps(element) for element in body["elem"])
            place = 0
            if kind == "rule":
                chain = (body["family"], body["chain"])
                places[chain] = place = places.get(chain, 0) + 1
            lines.append(json.dumps([kind, place, body], sort_keys=True))
    return sorted(lines)


def check(before: Ruleset, after: Ruleset, program: Program = SYSTEM) -> None:
    cold, warm = NetworkNamespace(), NetworkNamespace()
    try:
        loaded(cold, transaction(NOTHING, after).script)
        loaded(warm, transaction(NOTHING, before).script)
        loaded(warm, transaction(before, after).script, program)
        assert listing(warm) == listing(cold)
    finally:
        cold.close()
        warm.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(before=scenarios(), after=scenarios())
def test_a_transaction_leaves_what_a_cold_start_would(before: Scenario, after: Scenario) -> None:
    check(ruleset_of(before), ruleset_of(after))


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(before=scenarios(), after=scenarios())
def test_each_nft_runs_transactions_on_what_another_loaded(nft: Program, before: Scenario, after: Scenario) -> None:
    check(ruleset_of(before), ruleset_of(after), nft)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(scenario=scenarios())
def test_a_transaction_from_nothing_loads_what_the_script_does(scenario: Scenario) -> None:
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    cold, other = NetworkNamespace(), NetworkNamespace()
    try:
        loaded(cold, compilation.script)
        loaded(other, transaction(NOTHING, compilation.ruleset).script)
        assert listing(other) == listing(cold)
        loaded(other, transaction(compilation.ruleset, NOTHING).script)
        assert [line for line in listing(other) if "metainfo" not in line] == []
    finally:
        cold.close()
        other.close()


def test_chains_are_deleted_after_all_that_leads_to_them() -> None:
    # The kernel says "Device or resource busy" otherwise: here elements, rules and base chains lead to what goes.
    sticky = service("web", ["10.96.0.1"], session_affinity="ClientIP")
    turns = service("turns", ["10.96.0.2"], annotations={"svcc.dev/load-balancing": "round-robin"})
    endpoints = [remote(f"10.244.1.{n}") for n in range(1, 4)]
    full = compiled(sticky, slices("web", endpoints), turns, slices("turns", endpoints)).ruleset
    check(full, compiled().ruleset)
    check(compiled().ruleset, full)


@pytest.mark.parametrize("changed", ["services", "endpoints-tcp", "hairpins", "affinity"])
def test_a_map_that_is_declared_otherwise_is_made_anew(nft: Program, changed: str) -> None:
    before = compiled(
        service("web", ["10.96.0.1"], session_affinity="ClientIP"), slices("web", [remote("10.244.1.1")])
    ).ruleset
    tables = [
        evolve(table, sets=tuple(evolve(item, size=8192) if item.name == changed else item for item in table.sets))
        for table in before.tables
    ]
    check(before, Ruleset(tuple(tables)), nft)


def test_leftovers_of_earlier_rulesets_are_no_obstacle() -> None:
    one, two = (
        compiled(service("web", ["10.96.0.1"]), slices("web", [remote(f"10.244.1.{n}") for n in range(1, count + 1)]))
        for count in (1, 2)
    )
    namespace, cold = NetworkNamespace(), NetworkNamespace()
    try:
        for script in (two.script, one.script):
            loaded(namespace, script)
        assert any('"pick-2"' in line for line in listing(namespace))
        loaded(namespace, transaction(one.ruleset, two.ruleset).script)
        loaded(cold, two.script)
        assert listing(namespace) == listing(cold)
    finally:
        namespace.close()
        cold.close()


def test_a_transaction_on_another_ruleset_than_it_was_made_for_changes_nothing() -> None:
    first, second, third = (
        compiled(service("web", [address]), slices("web", [remote("10.244.1.1")])).ruleset
        for address in ("10.96.0.1", "10.96.0.2", "10.96.0.3")
    )
    namespace = NetworkNamespace()
    try:
        loaded(namespace, transaction(NOTHING, third).script)
        held = listing(namespace)
        refused = namespace.run("nft", "-f", "-", text=transaction(first, second).script)
        assert refused.returncode != 0
        assert listing(namespace) == held
    finally:
        namespace.close()


def affinity_records(node: Node, ruleset: Ruleset) -> Ruleset:
    """The ruleset with the records that the kernel holds."""
    tables = []
    for table in ruleset.tables:
        found = json.loads(node.nft("-j", "list", "map", table.family, table.name, "affinity"))["nftables"]
        [held] = [item["map"] for item in found if "map" in item]
        elements = []
        for key, data in held.get("elem", []):
            value = key["elem"]["val"]
            elements.append((tuple(value["concat"]) if isinstance(value, dict) else (value,), (data,)))
        sets = [evolve(item, elements=tuple(elements)) if item.name == "affinity" else item for item in table.sets]
        tables.append(evolve(table, sets=tuple(sets)))
    return Ruleset(tuple(tables))


CLIENTS = {
    "10.96.0.1": [f"203.0.113.{n}" for n in range(1, 241)],
    "fd00:96::1": [f"2001:db8::{n:x}" for n in range(1, 241)],
}
"""So many that they never all choose the same of four endpoints again by chance, when some sixty do."""


@pytest.mark.parametrize("cluster_ip", CLIENTS)
def test_records_survive_transactions_and_those_towards_endpoints_that_are_gone_can_be_forgotten(
    node: Node, cluster_ip: str
) -> None:
    pods = [f"10.244.1.{n}" if "." in cluster_ip else f"fd00:10:244:1::{n}" for n in range(2, 6)]
    declared = service("web", [cluster_ip], session_affinity="ClientIP")
    full, less = (
        compiled(declared, slices("web", [remote(address) for address in addresses])) for addresses in (pods, pods[1:])
    )

    def reached() -> dict[str, str]:
        packets = [
            Packet(protocol="TCP", source=client, destination=cluster_ip, destination_port=80)
            for client in CLIENTS[cluster_ip]
        ]
        outcomes = node.send_many(packets)
        return {
            packet.source: outcome.address
            for packet, outcome in zip(packets, outcomes, strict=True)
            if isinstance(outcome, Delivered)
        }

    node.load(transaction(NOTHING, full.ruleset).script)
    before = reached()
    assert len(before) == len(CLIENTS[cluster_ip])
    assert set(before.values()) == set(pods)
    node.load(transaction(full.ruleset, less.ruleset).script)
    records = affinity_records(node, less.ruleset)
    node.load(forgetting_transaction(records, less.dataplane).script)
    held = affinity_records(node, less.ruleset)
    gone = sum(address == pods[0] for address in before.values())
    counts = [
        sum(len(item.elements) for table in found.tables for item in table.sets if item.name == "affinity")
        for found in (records, held)
    ]
    assert counts == [len(before), len(before) - gone]
    assert not forgetting_transaction(held, less.dataplane)
    assert not forgetting_transaction(records, full.dataplane)
    # The endpoint comes back while clients were silent: none of them is bound to it any more, all others stay.
    node.load(transaction(less.ruleset, full.ruleset).script)
    after = reached()
    assert {client: after[client] for client, address in before.items() if address != pods[0]} == {
        client: address for client, address in before.items() if address != pods[0]
    }
    assert sum(after[client] == address for client, address in before.items() if address == pods[0]) < gone


def test_no_connection_to_other_services_fails_while_transactions_run(node: Node) -> None:
    steady = slices("steady", [remote(f"10.244.9.{n}") for n in range(1, 4)])
    services = [service("steady", ["10.96.0.9"]), service("web", ["10.96.0.1"])]
    rulesets = [
        compiled(services, steady, slices("web", [remote(f"10.244.1.{n}") for n in range(1, count + 1)])).ruleset
        for count in (2, 7)
    ]
    node.load(transaction(NOTHING, rulesets[1]).script)
    scripts = [transaction(rulesets[1 - index], rulesets[index]).script for index in (0, 1)]
    done = threading.Event()

    def replace() -> None:
        for round_number in range(200):
            node.load(scripts[round_number % 2])
        done.set()

    replacing = threading.Thread(target=replace)
    replacing.start()
    outcomes: collections.Counter[tuple[str, type]] = collections.Counter()
    while not done.is_set():
        for destination in ("10.96.0.9", "10.96.0.1"):
            packet = Packet(protocol="TCP", source="203.0.113.7", destination=destination, destination_port=80)
            outcomes.update((destination, type(outcome)) for outcome in node.send_many([packet] * 200))
    replacing.join()
    assert outcomes["10.96.0.9", Delivered] > 1000
    assert {kind for destination, kind in outcomes if destination == "10.96.0.9"} == {Delivered}
    # Of the Service that changes, a packet that is under way in the very instant of the switch may get lost.
    changing = {kind: count for (destination, kind), count in outcomes.items() if destination == "10.96.0.1"}
    assert changing[Delivered] > 0.995 * sum(changing.values())


def test_what_svcc_diff_prints_takes_a_node_from_one_script_to_the_other(nft: Program, tmp_path: Path) -> None:
    shop = Path(__file__).parents[2] / "examples" / "shop"
    changed = tmp_path / "shop"
    shutil.copytree(shop, changed)
    web = (changed / "web.yaml").read_text()
    (changed / "web.yaml").write_text(web.replace("10.244.1.11", "10.244.1.12").replace("30080", "30088"))
    (changed / "cart.yaml").write_text((shop / "cart.yaml").read_text().replace("3600", "7200"))
    (changed / "rest.yaml").unlink()
    flags = ["--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32"]
    before, after = (svcc("compile", "-f", str(folder), *flags).out for folder in (shop, changed))
    change = svcc("diff", "-f", str(shop), "-f", str(changed), *flags, "-o", "nft")
    assert change.code == 1
    cold, warm = NetworkNamespace(), NetworkNamespace()
    try:
        loaded(cold, after)
        loaded(warm, before)
        loaded(warm, change.out, nft)
        assert listing(warm) == listing(cold)
    finally:
        cold.close()
        warm.close()
