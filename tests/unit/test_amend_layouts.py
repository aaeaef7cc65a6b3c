"""Whatever the layout of a manifest: after allocation it says what was allocated, and all comments are there."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from svcc.allocation.complete import allocate
from svcc.allocation.contract import AllocationSettings
from svcc.manifest.amend import amend
from svcc.manifest.amend_targets import with_assignments
from svcc.manifest.documents import read_text
from svcc.manifest.load import load_text
from svcc.model.address_pool import AddressPool
from tests.strategies.yaml_layouts import comments_of, layouts

SETTINGS = AllocationSettings(
    service_cidrs=["10.96.0.0/16", "fd00:96::/112"],
    pools=[AddressPool("all", ["192.0.2.0/24", "2001:db8::/64"])],
)


def _optional(draw: Any, field: str, *values: Any) -> dict[str, Any]:
    chosen = draw(st.sampled_from([..., ..., *values]))
    return {} if chosen is ... else {field: chosen}


@st.composite
def services(draw: Any, name: str) -> dict[str, Any]:
    """A Service with fields left out, empty, null, or given; in any order."""
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer"]))
    ports = [
        {
            "name": f"p{number}",
            "port": 80 + number,
            **(_optional(draw, "nodePort", 0, None) if kind != "ClusterIP" else {}),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    spec = {
        **({"type": kind} if kind != "ClusterIP" or draw(st.booleans()) else {}),
        "ports": ports,
        **_optional(draw, "selector", {"app": name}, {}),
        **_optional(draw, "clusterIP", "", None),
        **_optional(draw, "clusterIPs", [], None),
        **_optional(draw, "ipFamilies", [], None, ["IPv4"], ["IPv6"]),
        **_optional(draw, "ipFamilyPolicy", None, "SingleStack", "PreferDualStack", "RequireDualStack"),
    }
    if kind == "LoadBalancer":
        spec |= _optional(draw, "externalTrafficPolicy", "Local")
    metadata = {"name": name, **_optional(draw, "namespace", "default"), **_optional(draw, "labels", {"a": "b c"}, {})}
    value = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    value |= _optional(draw, "status", {}, None, {"loadBalancer": {}}, {"loadBalancer": {"ingress": []}})
    for part in (value, spec):
        order = draw(st.permutations(list(part)))
        items = dict(part)
        part.clear()
        part |= {field: items[field] for field in order}
    return value


@st.composite
def manifests(draw: Any) -> tuple[list[dict[str, Any]], str]:
    """Objects, and a text that declares them."""
    count = draw(st.integers(1, 3))
    values = [draw(services(f"s{index}")) for index in range(count)]
    values.insert(draw(st.integers(0, count)), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})
    return values, draw(layouts(values))


@settings(max_examples=150, deadline=None)
@given(manifests())
def test_the_text_says_the_old_object_plus_the_assigned_fields_and_keeps_its_comments(
    manifest: tuple[list[dict[str, Any]], str],
) -> None:
    values, text = manifest
    reading = read_text(text, file="a.yaml")
    assert [document.value for document in reading.documents] == values
    loaded = load_text(text, file="a.yaml")
    allocation = allocate(loaded.cluster, SETTINGS)
    amended = amend(text, "a.yaml", allocation.assignments, allocation.cluster.services, "default")
    event("rendered anew" if amended.problems else "in place")
    assert amended.problems == ()
    assigned = {
        service.name: [each for each in allocation.assignments if each.object == service.reference]
        for service in allocation.cluster.services
    }
    meant = [with_assignments(value, assigned.get(value["metadata"]["name"], [])) for value in values]
    again = read_text(amended.text, file="a.yaml")
    assert again.problems == ()
    assert [document.value for document in again.documents] == meant
    assert comments_of(amended.text) == comments_of(text)
    assert load_text(amended.text, file="a.yaml").cluster == allocation.cluster
    assert allocate(load_text(amended.text, file="a.yaml").cluster, SETTINGS).assignments == ()
