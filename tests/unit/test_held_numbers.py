"""Numbers of Services that are not in order: they stay theirs, whatever is wrong with those Services."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given as examples
from hypothesis import strategies as st

from svcc.allocation.complete import allocate
from svcc.allocation.contract import Allocation, AllocationSettings
from svcc.allocation.reservation import Reservation
from svcc.manifest.load import load_text
from svcc.model.address_pool import AddressPool

# Two cluster IPs, two node ports and two addresses of load balancers: what is held leaves one.
SMALL = AllocationSettings(
    service_cidrs=["10.96.0.0/30"],
    service_node_port_range="30000-30001",
    pools=[AddressPool("p", ["192.0.2.1-192.0.2.2"])],
)


def service(name: str, *, status: Any = None, annotations: Any = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"ports": [{"port": 80}], **spec},
        "status": status or {},
    }


def allocated(*values: dict[str, Any], settings: AllocationSettings = SMALL) -> Allocation:
    loaded = load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": values}))
    return allocate(loaded.cluster, evolve(settings, held=loaded.held))


def given(allocation: Allocation, name: str) -> dict[str, Any]:
    return {str(each.path): each.value for each in allocation.assignments if each.object.name == name}


# Each is refused for something else than its number.
BROKEN: dict[str, tuple[dict[str, Any], str, Any]] = {
    "a cluster IP": (service("b", clusterIP="10.96.0.1", type="Wrong"), "spec.clusterIP", "10.96.0.2"),
    "cluster IPs": (service("b", clusterIPs=["10.96.0.2"], sessionAffinity="x"), "spec.clusterIP", "10.96.0.1"),
    "a cluster IP beside ports that are none": (
        service("b", clusterIP="10.96.0.1", ports="http"),
        "spec.clusterIP",
        "10.96.0.2",
    ),
    "a node port": (
        service("b", type="NodePort", ports=[{"port": 80, "nodePort": 30000}, {"port": 0}]),
        "spec.ports[0].nodePort",
        30001,
    ),
    "a node port in quotation marks": (
        service("b", type="NodePort", ports=[{"port": 80, "nodePort": "30001"}]),
        "spec.ports[0].nodePort",
        30000,
    ),
    "a health-check port": (
        service("b", type="LoadBalancer", externalTrafficPolicy="local", healthCheckNodePort=30001),
        "spec.ports[0].nodePort",
        30000,
    ),
    "an address in the status": (
        service("b", type="LoadBalancer", status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, ports=[]),
        "status.loadBalancer.ingress",
        [{"ip": "192.0.2.2"}],
    ),
    "an address that is asked for": (
        service("b", type="LoadBalancer", loadBalancerIP="192.0.2.1", ports=[]),
        "status.loadBalancer.ingress",
        [{"ip": "192.0.2.2"}],
    ),
    "addresses that an annotation asks for": (
        service(
            "b", type="LoadBalancer", annotations={"metallb.io/loadBalancerIPs": "2001:db8::1, 192.0.2.1"}, ports=[]
        ),
        "status.loadBalancer.ingress",
        [{"ip": "192.0.2.2"}],
    ),
}


@pytest.mark.parametrize(("broken", "path", "value"), BROKEN.values(), ids=BROKEN)
def test_what_a_refused_service_names_is_not_given_to_another_one(
    broken: dict[str, Any], path: str, value: Any
) -> None:
    asking = service("a", type=broken["spec"].get("type", "ClusterIP").replace("Wrong", "ClusterIP"))
    for values in ((asking, broken), (broken, asking)):
        allocation = allocated(*values)
        assert allocation.problems == ()
        assert given(allocation, "a")[path] == value
        assert given(allocation, "b") == {}


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "10.96.0.300", "clusterIPs": ["None", 3, None]},
        {"ports": [{"port": 80, "nodePort": 0}, {"nodePort": 70000}, {"nodePort": True}, {"nodePort": "²"}, None]},
        {"healthCheckNodePort": 30000.5, "loadBalancerIP": "x"},
    ],
)
def test_what_is_no_number_is_held_by_nobody(spec: dict[str, Any]) -> None:
    loaded = load_text(json.dumps(service("b", type="Wrong", **spec)))
    assert loaded.problems != ()
    assert loaded.held == Reservation()


def test_a_service_in_order_that_names_the_same_numbers_has_them() -> None:
    same: dict[str, Any] = {
        "type": "LoadBalancer",
        "clusterIP": "10.96.0.1",
        "ports": [{"port": 80, "nodePort": 30000}],
        "loadBalancerIP": "192.0.2.1",
    }
    allocation = allocated(service("b", **same, sessionAffinity="x"), service("a", **same))
    assert allocation.problems == ()
    assert given(allocation, "a")["status.loadBalancer.ingress"] == [{"ip": "192.0.2.1"}]
    assert allocation.reservation.cluster_ips == {"10.96.0.1": "default/a"}


def test_what_is_held_counts_as_used_and_is_told_in_the_reservation() -> None:
    allocation = allocated(service("b", clusterIP="10.96.0.1", type="NodePort", ports=[{"port": 0, "nodePort": 30001}]))
    assert allocation.reservation.cluster_ips == {"10.96.0.1": "default/b"}
    assert allocation.reservation.node_ports == {30001: "default/b"}
    assert [usage.used for usage in allocation.usage if usage.name == "30000-30001"] == [1, 0, 1]


def test_a_full_range_is_told_where_the_last_number_is_held() -> None:
    one = evolve(SMALL, service_node_port_range="30000")
    broken = service("b", type="NodePort", ports=[{"port": 0, "nodePort": 30000}])
    [problem] = allocated(service("a", type="NodePort"), broken, settings=one).problems
    assert problem.rule == "allocate/node-port-range-full"


def test_a_mended_service_keeps_what_was_held_for_it() -> None:
    broken = service("b", clusterIP="10.96.0.1", type="NodePort", ports=[{"port": 80, "nodePort": 30001, "name": "X"}])
    first = allocated(service("a", type="NodePort"), broken)
    broken["spec"]["ports"][0]["name"] = "x"
    of_a = given(first, "a")
    ports = [{"port": 80, "nodePort": of_a["spec.ports[0].nodePort"]}]
    completed = service("a", type="NodePort", clusterIP=of_a["spec.clusterIP"], ports=ports)
    again = allocated(completed, broken, settings=evolve(SMALL, reservation=first.reservation))
    assert again.problems == ()


BREAKS: list[dict[str, Any]] = [{}, {"sessionAffinity": "x"}, {"internalTrafficPolicy": 3}, {"externalIPs": "x"}]


@st.composite
def some_services(draw: Any) -> list[dict[str, Any]]:
    """Services of which some name numbers of small ranges, and some are broken somewhere else."""
    return [
        service(
            f"s{index}",
            type="LoadBalancer",
            ports=[{"port": 80, **draw(st.sampled_from([{}, {"nodePort": 30000 + index}]))}],
            **draw(st.sampled_from([{}, {"clusterIP": f"10.96.0.{index + 1}"}])),
            **draw(st.sampled_from([{}, {"loadBalancerIP": f"192.0.2.{index}"}])),
            **draw(st.sampled_from(BREAKS)),
        )
        for index in range(draw(st.integers(1, 6)))
    ]


@examples(some_services(), st.randoms(use_true_random=False))
def test_nothing_that_is_given_is_written_anywhere_else_and_the_order_does_not_matter(
    values: list[dict[str, Any]], order: random.Random
) -> None:
    ranges = AllocationSettings(
        service_cidrs=["10.96.0.0/28"],
        service_node_port_range="30000-30007",
        pools=[AddressPool("p", ["192.0.2.0/29"])],
    )
    allocation = allocated(*values, settings=ranges)
    for value in values:
        name, spec = value["metadata"]["name"], value["spec"]
        of_others = [json.dumps(each.value) for each in allocation.assignments if each.object.name != name]
        for written in (spec["ports"][0].get("nodePort"), spec.get("clusterIP"), spec.get("loadBalancerIP")):
            assert written is None or all(json.dumps(written) not in found for found in of_others)
    shuffled = list(values)
    order.shuffle(shuffled)
    again = allocated(*shuffled, settings=ranges)
    assert set(map(str, again.assignments)) == set(map(str, allocation.assignments))
    assert again.reservation == allocation.reservation
