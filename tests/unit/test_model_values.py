"""Values of the model are values: in sets, in other processes, in copies, and as plain data."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Hashable
from typing import Any

import attrs
import pytest
from hypothesis import given

import svcc
from svcc.fields import FieldPath, Source
from svcc.manifest.load import load_text
from svcc.model.cluster import Cluster
from svcc.model.metadata import FrozenMapping
from svcc.model.service import Service
from tests.strategies.objects import clusters
from tests.unit.rule_rows.row import ENDPOINT_SLICE, NODE, SERVICE

MANY = 400
"""Objects enough for a text in which Rust passes over what is in order, endpoints above all."""


def pickled(value: Any) -> Any:
    """What another process gets of a value."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  (of this test)


def read_from_json() -> Cluster:
    names = [{**ENDPOINT_SLICE["metadata"], "name": f"web-{number}"} for number in range(MANY)]
    slices = [{**ENDPOINT_SLICE, "metadata": metadata} for metadata in names]
    loaded = load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [SERVICE, NODE, *slices]}, indent=1))
    assert loaded.problems == ()
    return loaded.cluster


@given(clusters())
def test_values_come_out_of_another_process_and_of_a_deep_copy_as_they_were(cluster: Cluster) -> None:
    for other in (pickled(cluster), copy.deepcopy(cluster), copy.copy(cluster)):
        assert other == cluster
        assert hash(other) == hash(cluster)


@given(clusters())
def test_a_set_holds_equal_values_once(cluster: Cluster) -> None:
    items: list[Any] = [*cluster.services, *cluster.endpoint_slices, *cluster.nodes, *cluster.service_cidrs]
    for item in items:
        changed = attrs.evolve(item, name=f"{item.name}-2")
        again = attrs.evolve(changed, name=item.name)
        assert {item, again, changed} == {item, changed}
        assert {item: 1}[again] == 1


def test_labels_written_in_another_order_make_the_same_hash() -> None:
    one, other = Service("web", labels={"a": "1", "b": "2"}), Service("web", labels={"b": "2", "a": "1"})
    assert one == other
    assert hash(one) == hash(other)
    assert hash(one) != hash(Service("web", labels={"a": "1"}))


@pytest.mark.parametrize(
    "value",
    [
        svcc.AddressPool("pool", ["192.0.2.0/24"]),
        svcc.Namespace("shop", labels={"team": "a"}),
        svcc.LabelSelector({"team": "a"}),
        svcc.ClusterSettings(cluster_cidrs=["10.244.0.0/16"]),
        svcc.Reservation(
            cluster_ips={"10.96.0.9": "shop/web"},
            node_ports={30080: "x"},
            load_balancer_ips={"192.0.2.1": ["shop/web"]},
        ),
        load_text(json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_with_a_cluster_is_a_value_too(value: Hashable) -> None:
    for other in (pickled(value), copy.deepcopy(value)):
        assert other == value
        assert hash(other) == hash(value)


def test_endpoints_that_are_still_text_are_pickled_as_values() -> None:
    found = read_from_json().endpoint_slices[0]
    assert not isinstance(found.declared_endpoints, tuple)
    other = pickled(found)
    assert isinstance(other.declared_endpoints, tuple)
    assert other == found


def test_a_value_that_was_read_from_a_large_text_does_not_take_the_text_along() -> None:
    found = read_from_json().endpoint_slices[-1]
    assert len(pickle.dumps(found)) < 3000
    assert copy.deepcopy(found) == found
    assert hash(found) == hash(attrs.evolve(found))


def test_plain_data_of_a_value_says_where_it_was_read_and_nothing_of_how() -> None:
    cluster = read_from_json()
    items: list[Any] = [cluster.services[0], cluster.nodes[0], cluster.endpoint_slices[-1]]
    for item in items:
        assert item.source is not None
        plain = attrs.asdict(item)
        assert plain["source"] == {"file": "<string>", "line": item.source.line}
        assert json.loads(json.dumps(plain))["labels"] == dict(item.labels)
        assert f"labels={dict(item.labels)}, annotations={{}}" in repr(item)
        assert " source=" not in repr(item)


def test_a_copied_source_still_finds_lines_and_a_pickled_one_keeps_its_place() -> None:
    source = Source("web.yaml", 3, line_of=lambda path: 3 + len(path.steps))
    path = FieldPath.of("spec.ports")
    assert copy.deepcopy(source).at(path) == copy.copy(source).at(path) == Source("web.yaml", 5)
    assert pickled(source).at(path) == source
    assert repr(source) == "Source(file='web.yaml', line=3)"


CHANGES: list[Any] = [
    lambda labels: labels.__setitem__("a", "2"),
    lambda labels: labels.__delitem__("a"),
    lambda labels: labels.__ior__({"b": "2"}),
    lambda labels: labels.update(b="2"),
    lambda labels: labels.setdefault("b", "2"),
    lambda labels: labels.pop("a"),
    lambda labels: labels.popitem(),
    lambda labels: labels.clear(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_labels_cannot_be_changed(change: Any) -> None:
    labels = Service("web", labels={"a": "1"}).labels
    with pytest.raises(TypeError, match="cannot be changed"):
        change(labels)
    assert labels == {"a": "1"}


def test_labels_are_a_copy_and_what_is_made_of_them_can_be_changed() -> None:
    written = {"a": "1"}
    service = Service("web", labels=written)
    written["b"] = "2"
    assert service.labels == {"a": "1"}
    assert isinstance(service.labels, FrozenMapping)
    assert attrs.evolve(service, name="other").labels is service.labels
    assert type(service.labels | {"b": "2"}) is type(service.labels.copy()) is dict
