"""A transaction takes the kernel from any ruleset of svcc to any other, and leaves nothing that a cold start would not."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from svcc.compiler.compilation import compile_cluster
from svcc.nft.commands import DeleteChain
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import transaction
from tests.declare import compiled, remote, service, slices
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.nft_versions import SYSTEM, Program
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
    found = json.loads(namespace.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
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
