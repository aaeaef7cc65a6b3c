"""Algorithms and weights: what annotations say, and what becomes of it in slots."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from svcc.compiler.balancing import maglev_of, slots_of, smooth_round, table_size, weights_as_slots
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane import service_plans
from svcc.dataplane.contract import Decision, ServicePortPlan
from svcc.dataplane.judgement import judge_cluster
from svcc.model.balancing import AT_RANDOM, Balancing, HashKey, LoadBalancing, balancing_of, slice_weights
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.service import Service, ServicePort
from tests.declare import NODE, OTHER_NODE, compiled, remote, service, slices

ALGORITHMS = list(LoadBalancing)
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
some_weights = st.lists(st.integers(1, 1000), min_size=1, max_size=60)


def declared(algorithm: str, number: int = 1, **fields: Any) -> Service:
    return service(f"web-{number}", [f"10.96.1.{number}"], annotations={"svcc.dev/load-balancing": algorithm}, **fields)


def pods(weights: Sequence[int | None]) -> list[Endpoint]:
    return [remote(f"10.244.{n >> 8}.{n & 255}", weight=weight) for n, weight in enumerate(weights, 1)]


def plan_of(algorithm: str, weights: Sequence[int | None]) -> ServicePortPlan:
    found = compiled(declared(algorithm), slices("web-1", pods(weights)))
    return found.dataplane.families[0].service_ports[0]


def shares(plan: ServicePortPlan) -> dict[str, int]:
    return collections.Counter(str(each.address) for each in slots_of([plan])[0][Decision.CLUSTER])


def test_services_without_annotations_draw_at_random() -> None:
    assert balancing_of({}) is AT_RANDOM
    assert balancing_of({"example.com/load-balancing": "maglev"}) is AT_RANDOM


@pytest.mark.parametrize("text", ["", "Maglev", " maglev", "least-connections"])
def test_what_svcc_does_not_know_is_random(text: str) -> None:
    assert balancing_of({"svcc.dev/load-balancing": text, "svcc.dev/hash-key": "flow"}) is AT_RANDOM


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, HashKey.SOURCE_ADDRESS), ("cookie", HashKey.SOURCE_ADDRESS), ("flow", HashKey.FLOW)],
)
def test_maglev_goes_by_the_source_address_unless_told_otherwise(key: str | None, expected: HashKey) -> None:
    annotations = {"svcc.dev/load-balancing": "maglev"} | ({"svcc.dev/hash-key": key} if key else {})
    assert balancing_of(annotations) == Balancing(LoadBalancing.MAGLEV, expected)


def test_weights_are_read_by_address_then_for_the_slice() -> None:
    weights = slice_weights(
        {"svcc.dev/weight": " 5 ", "svcc.dev/weights": "10.0.0.1 = 2,, FD00::01=0, x=1, 10.0.0.2=9999"}
    )
    assert weights is not None
    found = [weights.weight(address) for address in ("10.0.0.1", "fd00::1", "10.0.0.2")]
    assert found == [2, 0, 5]
    assert weights.unreadable == ("x=1", "10.0.0.2=9999")
    assert slice_weights({"example.com/weight": "3"}) is None


@pytest.mark.parametrize("weight", [-1, 1001])
def test_an_endpoint_made_in_python_cannot_have_another_weight(weight: int) -> None:
    with pytest.raises(ValueError, match=f"weight {weight} is not in the range 0 to 1000"):
        Endpoint(["10.0.0.1"], weight=weight)


def test_the_weight_of_an_endpoint_goes_before_its_slices() -> None:
    [common] = slices("web-1", pods([None, 7]))
    found = compiled(declared("random"), evolve(common, annotations={"svcc.dev/weight": "3"}))
    assert found.dataplane.families[0].service_ports[0].cluster_weights == (3, 7)


@each_algorithm
def test_weights_that_are_all_alike_are_none(algorithm: str) -> None:
    assert plan_of(algorithm, [7, 7, 7]).cluster_weights == ()
    assert plan_of(algorithm, [0, 0, 0]).cluster_weights == ()
    assert shares(plan_of(algorithm, [0, 0, 0])).keys() == shares(plan_of(algorithm, [1, 1, 1])).keys()


@each_algorithm
def test_an_endpoint_of_weight_0_has_no_slot(algorithm: str) -> None:
    assert set(shares(plan_of(algorithm, [2, 0, 1]))) == {"10.244.0.1", "10.244.0.3"}
    assert shares(plan_of(algorithm, [0, 0, 1])) == {"10.244.0.3": 1}


@each_algorithm
def test_endpoints_have_slots_in_proportion_to_their_weights(algorithm: str) -> None:
    found = shares(plan_of(algorithm, [2, 4, 6]))
    total = sum(found.values())
    if algorithm != "maglev":
        assert total == 6
    for address, part in (("10.244.0.1", 1), ("10.244.0.2", 2), ("10.244.0.3", 3)):
        assert abs(found[address] - total * part / 6) <= 2


@given(some_weights)
def test_slots_are_few_and_their_proportions_are_those_of_the_weights(weights: list[int]) -> None:
    slots = weights_as_slots(weights)
    assert all(slots)
    assert sum(slots) <= max(1024, 4 * len(weights)) + len(weights)
    if sum(slots) <= 1000 and sum(weights) <= 1024:
        assert [Fraction(a, sum(slots)) for a in slots] == [Fraction(a, sum(weights)) for a in weights]


def test_scaled_weights_are_wrong_by_half_a_slot_at_most() -> None:
    assert weights_as_slots([1000, 999, 1]) == [512, 511, 1]
    assert weights_as_slots([1000, 500, 250]) == [4, 2, 1]


def test_a_round_is_as_smooth_as_nginx_makes_it() -> None:
    # https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1
    assert "".join("abc"[index] for index in smooth_round([5, 1, 1])) == "aabacaa"


def plain_smooth_round(weights: Sequence[int]) -> list[int]:
    credit = [0] * len(weights)
    found = []
    for _ in range(sum(weights)):
        credit = [have + weight for have, weight in zip(credit, weights, strict=True)]
        found.append(max(range(len(credit)), key=lambda index: (credit[index], -index)))
        credit[found[-1]] -= sum(weights)
    return found


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_a_round_is_that_of_the_plain_algorithm(weights: list[int]) -> None:
    assert smooth_round(weights) == plain_smooth_round(weights)


@pytest.mark.parametrize(
    ("weights", "size"),
    [
        ([1] * 17, 1021),
        ([1] * 18, 4093),
        ([1000, 1], 1021),
        ([1000, 22], 4093),
        ([1] * 273, 16381),
        ([1] * 274, 65537),
        ([1] * 65537, 65537),
        ([999] * 999, 65537),
    ],
)
def test_a_table_has_sixty_slots_an_endpoint_and_one_for_each_unit_of_weight(weights: list[int], size: int) -> None:
    assert table_size(weights) == size


def test_a_table_has_the_size_that_is_asked_for_if_all_endpoints_fit_in() -> None:
    assert table_size([1] * 251, 251) == 251
    assert table_size([1] * 252, 251) == 16381
    pinned = {"svcc.dev/load-balancing": "maglev", "svcc.dev/table-size": "4093"}
    found = compiled(service("web", ["10.96.1.1"], annotations=pinned), slices("web", pods([1, 2])))
    assert sum(shares(found.dataplane.families[0].service_ports[0]).values()) == 4093


def test_the_lightest_endpoint_has_a_slot_of_a_table() -> None:
    assert shares(plan_of("maglev", [1000, 1]))["10.244.0.2"] >= 1


def test_tables_of_service_ports_differ_and_those_of_nodes_do_not() -> None:
    several = [ServicePort(80, "http"), ServicePort(81, "more")]
    target_ports = [EndpointPort(8080, "http"), EndpointPort(8080, "more")]
    objects: list[ClusterObject] = [
        service("web", ["10.96.1.1"], *several, annotations={"svcc.dev/load-balancing": "maglev"}),
        *slices("web", pods([None] * 5), *target_ports),
    ]
    (http, more), others = (
        compile_cluster(Cluster.of(objects), node=node).dataplane.families[0].service_ports
        for node in (NODE.name, OTHER_NODE)
    )
    tables = [maglev_of(plan, Decision.CLUSTER) for plan in (http, more)]
    assert len({table.seed for table in tables if table}) == 2
    assert slots_of(others) == slots_of((http, more))


def test_too_many_endpoints_for_a_table_are_picked_at_random_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_plans, "TABLE_SIZES", (2,))
    objects: tuple[Any, ...] = (declared("maglev"), *slices("web-1", pods([1, 1, 1])))
    found = compiled(*objects)
    assert found.dataplane.families[0].service_ports[0].balancing is AT_RANDOM
    assert [problem.rule for problem in found.problems] == ["cluster/too-many-for-maglev"]
    assert "cluster/too-many-for-maglev" in {problem.rule for problem in judge_cluster(Cluster.of(objects))}


def chains(*objects: Any) -> set[str]:
    return {chain.name for chain in compiled(*objects).ruleset.tables[0].chains}


def test_chains_that_hash_are_shared_and_few() -> None:
    many = [each for n in range(1, 41) for each in (declared("maglev", n), *slices(f"web-{n}", pods([1] * (n % 7))))]
    picks = {name for name in chains(*many) if name.startswith("pick-")}
    assert picks == {"pick-1", "pick-by-source-address-1021"}


def test_service_ports_that_take_turns_have_a_chain_of_their_own_and_others_do_not() -> None:
    few = [each for n in (1, 2) for each in (declared("round-robin", n), *slices(f"web-{n}", pods([1] * 3)))]
    assert {name for name in chains(*few) if re.match("turns|pick", name)} == {
        "turns-default/web-1/tcp/http",
        "turns-default/web-2/tcp/http",
    }


@each_algorithm
def test_one_endpoint_needs_no_algorithm(algorithm: str) -> None:
    found = chains(declared(algorithm), slices("web-1", pods([None])))
    assert {name for name in found if re.match("turns|pick", name)} == {"pick-1"}


def test_the_order_of_the_input_changes_no_slot() -> None:
    for algorithm in ALGORITHMS:
        forwards, backwards = (
            compiled(declared(algorithm), slices("web-1", endpoints)).script
            for endpoints in (pods([3, 1, None, 0, 2]), pods([3, 1, None, 0, 2])[::-1])
        )
        assert forwards == backwards


@pytest.mark.parametrize("algorithm", ["random", "maglev"])
def test_a_weight_that_changes_moves_few_slots(algorithm: str) -> None:
    before, after = (slots_of([plan_of(algorithm, [weight, *[10] * 9])])[0][Decision.CLUSTER] for weight in (11, 13))
    moved = sum(one != other for one, other in zip(before, after, strict=False))
    assert moved < len(before) / 8
