"""One script for every state of the node: it replaces any earlier ruleset of svcc, and touches nothing else."""

from __future__ import annotations

import collections
import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from svcc.compiler.compilation import compile_cluster
from tests.declare import compiled, remote, service, slices
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.kernel.nft_versions import Program
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.strategies.scenarios import Scenario, scenarios

pytestmark = pytest.mark.kernel

FOREIGN = """
table inet firewall {
	set blocked { type ipv4_addr; elements = { 192.0.2.1 }; }
	chain input { type filter hook input priority 0; policy accept; ip saddr @blocked drop; }
}
table ip svcc-of-somebody-else {
	chain services { counter; }
}
"""


def script_of(scenario: Scenario) -> str:
    return compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings).script


def loaded(namespace: NetworkNamespace, script: str) -> None:
    result = namespace.run("nft", "-f", "-", text=script)
    assert result.returncode == 0, result.stderr


def listing(namespace: NetworkNamespace) -> list[str]:
    """What svcc's tables hold, whatever the order and the handles, without chains that are empty and unreachable."""
    found = json.loads(namespace.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
    objects: list[tuple[str, dict[str, Any]]] = [(kind, body) for item in found for kind, body in item.items()]
    own = [(kind, body) for kind, body in objects if body.get("table", body.get("name")) == "svcc"]
    filled = {(body["family"], body["chain"]) for kind, body in own if kind == "rule"}
    lines = []
    for kind, body in own:
        if kind == "chain" and (body["family"], body["name"]) not in filled:
            continue
        body.pop("handle", None)
        if "elem" in body:
            body["elem"] = sorted(json.dumps(element) for element in body["elem"])
        lines.append(json.dumps([kind, body], sort_keys=True))
    # Rules keep their order inside a chain; chains, sets and maps come in the order in which they were made.
    return sorted(lines)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(before=scenarios(), after=scenarios())
def test_a_reload_leaves_what_a_cold_start_would(before: Scenario, after: Scenario) -> None:
    cold, warm = NetworkNamespace(), NetworkNamespace()
    try:
        loaded(cold, script_of(after))
        loaded(warm, script_of(before))
        loaded(warm, script_of(after))
        assert listing(warm) == listing(cold)
    finally:
        cold.close()
        warm.close()


def test_no_other_table_is_touched() -> None:
    namespace = NetworkNamespace()
    try:
        loaded(namespace, FOREIGN)
        foreign = namespace.run("nft", "-a", "list", "ruleset").stdout
        for count in (3, 1, 5):
            endpoints = [remote(f"10.244.1.{n}") for n in range(1, count + 1)]
            loaded(namespace, compiled(service("web", ["10.96.0.1"]), slices("web", endpoints)).script)
        for family in ("ip", "ip6"):
            namespace.run("nft", "delete", "table", family, "svcc")
        assert namespace.run("nft", "-a", "list", "ruleset").stdout == foreign
    finally:
        namespace.close()


def test_each_nft_replaces_what_another_loaded(nft: Program) -> None:
    namespace = NetworkNamespace()
    try:
        loaded(namespace, compiled(service("web", ["10.96.0.1"]), slices("web", [remote("10.244.1.1")])).script)
        script = compiled(service("web", ["10.96.0.2"]), slices("web", [remote("10.244.1.2")])).script
        result = namespace.run(*nft.command, "-f", "-", text=script)
        assert result.returncode == 0, result.stderr
        loaded(namespace, script)
    finally:
        namespace.close()


def test_a_script_that_nft_refuses_changes_nothing() -> None:
    namespace = NetworkNamespace()
    try:
        loaded(namespace, compiled(service("web", ["10.96.0.1"]), slices("web", [remote("10.244.1.1")])).script)
        before = namespace.run("nft", "list", "ruleset").stdout
        script = compiled(service("web", ["10.96.0.2"]), slices("web", [remote("10.244.1.2")])).script
        broken = script.replace("goto pick-1", "goto no-such-chain")
        assert namespace.run("nft", "-f", "-", text=broken).returncode != 0
        assert namespace.run("nft", "list", "ruleset").stdout == before
    finally:
        namespace.close()


def test_no_connection_to_other_services_fails_while_rulesets_are_replaced(node: Node) -> None:
    steady = slices("steady", [remote(f"10.244.9.{n}") for n in range(1, 4)])
    services = [service("steady", ["10.96.0.9"]), service("web", ["10.96.0.1"])]
    scripts = [
        compiled(services, steady, slices("web", [remote(f"10.244.1.{n}") for n in range(1, count + 1)])).script
        for count in (2, 7)
    ]
    node.load(scripts[0])
    done = threading.Event()

    def replace() -> None:
        for round_number in range(100):
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
