"""Endpoint selection, rule by rule (S10 to S23)."""

from __future__ import annotations

import pytest

from svcc.addresses import IPFamily
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import ServicePort
from svcc.select import (
    HEADLESS_LABEL,
    EndpointAddress,
    HintUse,
    Selection,
    select_service_ports,
    slices_by_service,
)

HERE = "node-a"
ELSEWHERE = "node-b"


def slice_of(*endpoints: Endpoint, name: str = "web-1", **fields: object) -> EndpointSlice:
    ports = fields.pop("ports", [EndpointPort(8080, "http")])
    return EndpointSlice(name, service_name="web", endpoints=endpoints, ports=ports, **fields)  # type: ignore[arg-type]


def select(*slices: EndpointSlice, zone: str | None = None, family: IPFamily = IPFamily.IPV4) -> Selection:
    found = slices_by_service(slices).get(("default", "web"), [])
    [[selection]] = select_service_ports([(found, [ServicePort(80, "http")])], family, HERE, zone)
    return selection


def addresses(endpoints: tuple[object, ...]) -> list[str]:
    return [str(endpoint) for endpoint in endpoints]


def test_a_slice_without_the_service_label_is_ignored_s10() -> None:
    unlabelled = EndpointSlice("web-1", endpoints=[Endpoint(["10.0.0.1"])], ports=[EndpointPort(8080, "http")])
    assert slices_by_service([unlabelled]) == {}


@pytest.mark.parametrize("address_type", ["FQDN", "IPv6"])
def test_only_slices_of_the_family_count_s10(address_type: str) -> None:
    assert select(slice_of(Endpoint(["10.0.0.1"]), address_type=address_type)) == select()


def test_a_slice_marked_headless_is_ignored_s5() -> None:
    assert select(slice_of(Endpoint(["10.0.0.1"]), labels={HEADLESS_LABEL: ""})) == select()


def test_only_the_first_address_of_an_endpoint_is_used_s11() -> None:
    found = select(slice_of(Endpoint(["10.0.0.1", "10.0.0.2"]), Endpoint([])))
    assert addresses(found.cluster) == ["10.0.0.1:8080"]


def test_a_port_matches_by_name_and_protocol_s12() -> None:
    ports = [
        EndpointPort(1, "http", "UDP"),
        EndpointPort(2, "https"),
        EndpointPort(3, None),
        EndpointPort(None, "http"),
    ]
    assert select(slice_of(Endpoint(["10.0.0.1"]), ports=ports)) == select()


def test_slices_may_map_one_port_name_to_different_numbers_s12() -> None:
    second = slice_of(Endpoint(["10.0.0.2"]), name="web-2", ports=[EndpointPort(9090, "http")])
    found = select(slice_of(Endpoint(["10.0.0.1"])), second)
    assert addresses(found.cluster) == ["10.0.0.1:8080", "10.0.0.2:9090"]


def test_unset_conditions_mean_ready_serving_and_not_terminating_s13() -> None:
    assert addresses(select(slice_of(Endpoint(["10.0.0.1"]))).cluster) == ["10.0.0.1:8080"]


def test_an_endpoint_without_node_is_not_local_s14() -> None:
    found = select(slice_of(Endpoint(["10.0.0.1"]), Endpoint(["10.0.0.2"], node_name=HERE)))
    assert addresses(found.local) == ["10.0.0.2:8080"]


def test_a_local_copy_replaces_another_conditions_included_s15() -> None:
    remote = slice_of(Endpoint(["10.0.0.1"], ready=True, node_name=ELSEWHERE))
    local = slice_of(Endpoint(["10.0.0.1"], ready=False, node_name=HERE), name="web-2")
    assert select(remote, local).cluster == ()


def test_the_order_of_slices_in_the_input_does_not_matter_s15() -> None:
    one = slice_of(Endpoint(["10.0.0.1"], ready=True))
    two = slice_of(Endpoint(["10.0.0.1"], ready=False), name="web-2")
    assert select(one, two) == select(two, one)


def test_endpoints_are_ordered_by_address_and_port_as_text_s16() -> None:
    found = select(slice_of(*(Endpoint([f"10.0.0.{n}"]) for n in (9, 10, 1))))
    assert addresses(found.cluster) == ["10.0.0.10:8080", "10.0.0.1:8080", "10.0.0.9:8080"]


def test_ports_are_ordered_as_text_too_and_an_address_by_what_follows_it_s16() -> None:
    second = slice_of(Endpoint(["10.0.0.1"]), name="web-2", ports=[EndpointPort(10000, "http")])
    assert addresses(select(slice_of(Endpoint(["10.0.0.1"])), second).cluster) == ["10.0.0.1:10000", "10.0.0.1:8080"]
    texts = ["fd00::1", "fd00::1:1", "fd00::1a", "fd00::"]
    found = select(slice_of(*(Endpoint([text]) for text in texts), address_type="IPv6"), family=IPFamily.IPV6)
    assert addresses(found.cluster) == sorted(f"[{text}]:8080" for text in texts)


def test_terminating_endpoints_that_serve_step_in_when_none_is_ready_s18() -> None:
    terminating = Endpoint(["10.0.0.1"], ready=False, serving=True, terminating=True)
    assert addresses(select(slice_of(terminating)).cluster) == ["10.0.0.1:8080"]


def test_endpoints_that_are_neither_ready_nor_terminating_are_never_used_s18() -> None:
    found = select(slice_of(Endpoint(["10.0.0.1"], ready=False, serving=True)))
    assert (found.cluster, found.anywhere) == ((), False)


def test_the_fallbacks_of_the_two_sets_are_independent_s19() -> None:
    leaving = Endpoint(["10.0.0.1"], ready=False, serving=True, terminating=True, node_name=HERE)
    found = select(slice_of(leaving, Endpoint(["10.0.0.2"], node_name=ELSEWHERE)))
    assert addresses(found.cluster) == ["10.0.0.2:8080"]
    assert addresses(found.local) == ["10.0.0.1:8080"]


def test_zone_hints_narrow_the_cluster_set_s20() -> None:
    near = Endpoint(["10.0.0.1"], zone_hints=["a", "b"])
    far = Endpoint(["10.0.0.2"], zone_hints=["c"])
    assert addresses(select(slice_of(near, far), zone="a").cluster) == ["10.0.0.1:8080"]


def test_one_ready_endpoint_without_hints_voids_them_s20() -> None:
    near = Endpoint(["10.0.0.1"], zone_hints=["a"])
    assert len(select(slice_of(near, Endpoint(["10.0.0.2"])), zone="a").cluster) == 2


def test_hints_of_endpoints_that_are_not_ready_do_not_count_s20() -> None:
    near, far = Endpoint(["10.0.0.1"], zone_hints=["a"]), Endpoint(["10.0.0.2"], zone_hints=["c"])
    assert len(select(slice_of(near, far, Endpoint(["10.0.0.3"], ready=False)), zone="a").cluster) == 1


def test_hints_for_other_zones_only_are_ignored_s20() -> None:
    assert len(select(slice_of(Endpoint(["10.0.0.2"], zone_hints=["c"])), zone="a").cluster) == 1


def test_a_node_without_zone_never_uses_zone_hints_s20() -> None:
    near, far = Endpoint(["10.0.0.1"], zone_hints=["a"]), Endpoint(["10.0.0.2"], zone_hints=["c"])
    assert len(select(slice_of(near, far)).cluster) == 2


def test_node_hints_go_before_zone_hints_s20() -> None:
    here = Endpoint(["10.0.0.1"], node_hints=[HERE], zone_hints=["c"])
    there = Endpoint(["10.0.0.2"], node_hints=[ELSEWHERE], zone_hints=["a"])
    assert addresses(select(slice_of(here, there), zone="a").cluster) == ["10.0.0.1:8080"]


def test_topology_never_narrows_the_local_set_s19() -> None:
    here = Endpoint(["10.0.0.1"], node_name=HERE, zone_hints=["c"])
    there = Endpoint(["10.0.0.2"], node_name=ELSEWHERE, zone_hints=["a"])
    assert addresses(select(slice_of(here, there), zone="a").local) == ["10.0.0.1:8080"]


def test_an_endpoint_of_the_other_family_in_a_slice_is_skipped_s10() -> None:
    assert select(slice_of(Endpoint(["fd00::1"]))).cluster == ()


def test_a_port_of_one_service_never_influences_another_s12() -> None:
    ports = [EndpointPort(8080, "http"), EndpointPort(5353, "dns", "UDP")]
    found = [slice_of(Endpoint(["10.0.0.1"]), ports=ports), slice_of(Endpoint(["10.0.0.2"]), name="web-2")]
    asked = [ServicePort(53, "dns", "UDP"), ServicePort(53, "dns"), ServicePort(80, "http")]
    [none, three] = select_service_ports([((), asked), (found, asked)], IPFamily.IPV4, HERE, None)
    assert [selection.cluster for selection in none] == [(), (), ()]
    assert [addresses(selection.cluster) for selection in three] == [
        ["10.0.0.1:5353"],
        [],
        ["10.0.0.1:8080", "10.0.0.2:8080"],
    ]


@pytest.mark.parametrize(
    ("hints", "zone", "node_hints", "zone_hints"),
    [
        (({}, {}), "a", HintUse.ABSENT, HintUse.ABSENT),
        (({"zone_hints": ["a"]}, {}), "a", HintUse.ABSENT, HintUse.INCOMPLETE),
        (({"zone_hints": ["b"]}, {"zone_hints": ["c"]}), "a", HintUse.ABSENT, HintUse.ELSEWHERE),
        (({"zone_hints": ["a"]}, {"zone_hints": ["c"]}), None, HintUse.ABSENT, HintUse.ELSEWHERE),
        (({"zone_hints": ["a"]}, {"zone_hints": ["c"]}), "a", HintUse.ABSENT, HintUse.USED),
        (({"node_hints": [HERE], "zone_hints": ["a"]}, {"node_hints": ["x"]}), "a", HintUse.USED, HintUse.UNNEEDED),
        (({"node_hints": ["x"]}, {"zone_hints": ["a"]}), "a", HintUse.INCOMPLETE, HintUse.INCOMPLETE),
    ],
)
def test_a_selection_says_what_became_of_hints_s20(
    hints: tuple[dict[str, list[str]], dict[str, list[str]]],
    zone: str | None,
    node_hints: HintUse,
    zone_hints: HintUse,
) -> None:
    endpoints = [
        Endpoint([f"10.0.0.{index}"], zone_hints=names.get("zone_hints", ()), node_hints=names.get("node_hints", ()))
        for index, names in enumerate(hints)
    ]
    found = select(slice_of(*endpoints, Endpoint(["10.0.0.9"], ready=False)), zone=zone)
    assert (found.node_hints, found.zone_hints) == (node_hints, zone_hints)
    assert found.topology == {HintUse.USED: "node"}.get(node_hints, {HintUse.USED: "zone"}.get(zone_hints))


def test_a_terminating_pod_that_publishes_itself_as_ready_is_ready_s13() -> None:
    published = Endpoint(["10.0.0.1"], ready=True, serving=True, terminating=True)
    found = select(slice_of(published, Endpoint(["10.0.0.2"], ready=False, terminating=True)))
    assert addresses(found.cluster) == ["10.0.0.1:8080"]


def test_candidates_show_every_endpoint_as_the_node_sees_it_s15() -> None:
    remote, local = Endpoint(["10.0.0.1"], node_name=ELSEWHERE), Endpoint(["10.0.0.1"], ready=False, node_name=HERE)
    leaving = Endpoint(["10.0.0.09"], ready=False, terminating=True)
    found = select(slice_of(remote, leaving), slice_of(local, name="web-2")).candidates
    assert list(found) == [EndpointAddress("10.0.0.1", 8080), EndpointAddress("10.0.0.9", 8080)]
    one, nine = found.values()
    assert one == ("10.0.0.1", False, False, True, local, 1)
    assert nine == ("10.0.0.9", False, True, False, leaving, 1)
    assert ("10.0.0.2", 8080) not in found


def test_a_set_is_of_endpoint_addresses_with_names() -> None:
    [endpoint] = select(slice_of(Endpoint(["10.0.0.1"]))).cluster
    assert isinstance(endpoint, EndpointAddress)
    assert (endpoint.address, endpoint.port, endpoint) == ("10.0.0.1", 8080, EndpointAddress("10.0.0.1", 8080))


@pytest.mark.parametrize("port", [-1, 65536, 2**70])
def test_a_port_out_of_range_is_an_error(port: int) -> None:
    with pytest.raises(ValueError, match=rf"port {port} of a slice is not in the range 0 to 65535"):
        select(slice_of(Endpoint(["10.0.0.1"]), ports=[EndpointPort(port, "http")]))
    assert select(slice_of(Endpoint(["10.0.0.1"]), ports=[EndpointPort(65535, "http")])).anywhere


@pytest.mark.parametrize(
    "fields",
    [
        {"addresses": (7,)},
        {"addresses": (None,)},
        {"addresses": ("10.0.0.1",), "zone_hints": 7},
    ],
)
def test_a_value_of_the_wrong_type_is_an_error(fields: dict[str, object]) -> None:
    broken = Endpoint(["10.0.0.1"])
    for name, value in fields.items():
        object.__setattr__(broken, name, value)
    with pytest.raises(TypeError):
        select(slice_of(broken))


def test_lone_surrogates_in_names_are_names_and_in_addresses_nonsense() -> None:
    odd, other = "\ud800", "\ud801"
    endpoints = [Endpoint([odd]), Endpoint(["10.0.0.1"], node_hints=[odd], node_name=odd)]
    ports = [EndpointPort(1, odd), EndpointPort(2, other)]
    found = slice_of(*endpoints, ports=ports)
    [[selection]] = select_service_ports([([found], [ServicePort(80, odd)])], IPFamily.IPV4, odd, odd)
    assert addresses(selection.local) == ["10.0.0.1:1"]
    assert selection.topology == "node"
