"""Objects that Rust passes over are the objects that Python would have decoded, and so are their endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any
from unittest import mock

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from svcc import _native
from svcc.addresses import IPFamily
from svcc.fields import FieldPath, ObjectReference
from svcc.manifest import json_reader
from svcc.manifest.documents import Limits, Reading, read_text
from svcc.manifest.load import Loaded, load_text
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import ServicePort
from svcc.select import select_service_ports
from svcc.validate import admission
from svcc.validate.plain_endpoint_slice import _plain_endpoints, plain_endpoint_slice
from svcc.validate.plain_service import plain_service
from svcc.wire.written import WrittenObject
from tests.unit.rule_rows.row import ENDPOINT_SLICE, LOAD_BALANCER, SERVICE, changed
from tests.unit.test_validate_plain import slice_values, thoroughly


@pytest.fixture(autouse=True, scope="module")
def _small_texts_are_read_as_large_ones() -> Iterator[None]:
    with mock.patch.object(json_reader, "_DECODED_AT_ONCE", 0):
        yield


WITHOUT_RUST = mock.patch.object(json_reader._JsonReader, "_passing_quickly", return_value=None)


def read_both_ways(text: str, limits: Limits) -> tuple[Reading, Reading]:
    quickly = read_text(text, file="x.json", limits=limits)
    with WITHOUT_RUST:
        return quickly, read_text(text, file="x.json", limits=limits)


def told(reading: Reading) -> list[Any]:
    """All of a reading, with values as plain data and the lines of some fields."""
    path = FieldPath.of("metadata", "name")
    documents = [
        (json.dumps(dict(item.value), default=dict), item.source, item.source.at(path), item.watch_event)
        for item in reading.documents
    ]
    return [documents, reading.problems, reading.files]


def told_of(loaded: Loaded) -> list[Any]:
    cluster = loaded.cluster
    lines = [*(item.source for item in cluster.services), *(item.source for item in cluster.endpoint_slices)]
    return [cluster, lines, loaded.problems, loaded.skipped]


STRINGS = st.text(st.sampled_from('ab"\\/\n\t\x7fäß😀\u2028'), max_size=5)
NAMES = st.sampled_from(["kind", "metadata", "name", "items", "type", "object", "a", "ä", 'b"', "endpoints"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    STRINGS,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
KINDS = st.sampled_from(["Service", "List", "Thing", "ServiceList"])
OBJECTS = st.builds(lambda value, kind: {**value, "kind": kind}, st.dictionaries(NAMES, VALUES, max_size=4), KINDS)
ELEMENTS = st.lists(st.one_of(OBJECTS, OBJECTS, OBJECTS, VALUES), max_size=6)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Lists of objects as JSON, here and there with something wrong in the text."""
    document: Any = draw(ELEMENTS)
    if draw(st.booleans()):
        document = {"kind": draw(st.sampled_from(["List", "ServiceList"])), "apiVersion": "v1", "items": document}
    indent = draw(st.sampled_from([None, 1]))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()), indent=indent)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        place = draw(st.integers(0, len(text)))
        put = draw(st.sampled_from(["", ",", "}", "]", '"', "\\", "1e400", "NaN", "\ufeff", "\n", '"a":1,"a":2,', "0"]))
        text = text[:place] + put + text[place + draw(st.integers(0, 2)) :]
    return text


@given(texts(), st.sampled_from([Limits(), Limits(strict_characters=0), Limits(depth=3), Limits(object_characters=9)]))
def test_a_text_reads_the_same_with_and_without_rust(text: str, limits: Limits) -> None:
    quickly, slowly = read_both_ways(text, limits)
    assert told(quickly) == told(slowly)


@given(st.lists(OBJECTS, max_size=3), st.booleans(), st.sampled_from([None, 1]))
def test_the_place_of_a_member_is_known_with_and_without_rust(
    values: list[dict[str, Any]], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=indent)
    for reading in read_both_ways(text, Limits()):
        for document in reading.documents:
            assert document.parsed is not None
            assert document.parsed.member_place("nobody") is None
            for name, value in json.loads(text[document.parsed.start : document.parsed.end]).items():
                start, end = document.parsed.member_place(name) or (0, 0)
                assert json.loads(text[start:end]) == value
                assert text[:start].rstrip().endswith(f"{json.dumps(name, ensure_ascii=ascii_only)}:")
                assert text[end] in ",}\n"


@given(st.lists(slice_values(), max_size=4), st.booleans())
def test_slices_load_the_same_with_and_without_rust(values: list[dict[str, Any]], ascii_only: bool) -> None:
    kind = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}
    text = json.dumps([{**kind, **value} for value in values], ensure_ascii=ascii_only, indent=1)
    quickly = load_text(text)
    with WITHOUT_RUST:
        slowly = load_text(text)
    assert told_of(quickly) == told_of(slowly)


def written(value: Mapping[str, Any]) -> WrittenObject:
    (row, *_), *_ = _native.JsonText(json.dumps(value) + "]", True, 250).objects(0, 1)[0]
    return WrittenObject(row)


SOURCE_RANGES = st.lists(
    st.sampled_from(["10.0.0.0/8", "fd00::/64", "192.0.2.0/24", "10.0.0.1/8", "::ffff:10.0.0.0/104", " 10.0.0.0/8", 5]),
    max_size=3,
)


@given(st.none() | SOURCE_RANGES, st.sampled_from(["LoadBalancer", "NodePort"]))
def test_a_service_with_source_ranges_that_is_plainly_fine_is_the_same_thoroughly(ranges: Any, kind: str) -> None:
    value = changed(LOAD_BALANCER, {("spec", "loadBalancerSourceRanges"): ranges, ("spec", "type"): kind})
    quick = plain_service(value, "default", None)
    if quick is not None:
        assert thoroughly("Service", value) == admission.Admission(quick, [])


def test_a_service_with_canonical_source_ranges_takes_the_quick_way() -> None:
    value = changed(LOAD_BALANCER, {("spec", "loadBalancerSourceRanges"): ["10.0.0.0/8", "fd00::/64"]})
    quick = plain_service(value, "default", None)
    assert quick is not None
    assert quick.load_balancer_source_ranges == ("10.0.0.0/8", "fd00::/64")


@given(slice_values())
def test_endpoints_that_are_plainly_fine_in_rust_are_in_python(value: dict[str, Any]) -> None:
    address_type = value["addressType"] or "IPv4"
    endpoints = written(json.loads(json.dumps(value))).plain_endpoints(address_type, Endpoint, ObjectReference)
    if endpoints is not None:
        assert endpoints.values() == _plain_endpoints(json.loads(json.dumps(value.get("endpoints"))), address_type)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {("addressType",): "IPv6", ("endpoints", 0, "addresses"): ["2001:db8::7"]},
        {("endpoints", 0, "hints"): {"forZones": [{"name": "zone-a"}], "forNodes": [{"name": "node-1.example"}]}},
        {("endpoints", 0, "targetRef"): {"kind": "Pod", "name": "a", "uid": "x"}},
        {("endpoints",): None},
    ],
    ids=["IPv4", "IPv6", "hints", "target", "none"],
)
def test_endpoints_as_clusters_have_them_are_made_in_rust(changes: dict[tuple[str | int, ...], Any]) -> None:
    value = changed(ENDPOINT_SLICE, changes)
    endpoints = written(value).plain_endpoints(value["addressType"], Endpoint, ObjectReference)
    assert endpoints is not None
    assert endpoints.values() == _plain_endpoints(value["endpoints"], value["addressType"])


@pytest.mark.parametrize(
    "changes",
    [
        {("endpoints", 0, "addresses"): ["10.0.0.01"]},
        {("endpoints", 0, "addresses"): ["127.0.0.1"]},
        {("endpoints", 0, "addresses"): ["fd00::1"]},
        {("endpoints", 0, "addresses"): []},
        {("endpoints", 0, "addresses"): ["10.0.0.1"] * 101},
        {("endpoints",): [{"addresses": ["10.0.0.1"]}] * 1001},
        {("addressType",): "IPv6", ("endpoints", 0, "addresses"): ["2001:db8:0::7"]},
        {("addressType",): "IPv6", ("endpoints", 0, "addresses"): ["::1"]},
        {("endpoints", 0, "nodeName"): "a" * 64},
        {("endpoints", 0, "nodeName"): "a." * 127 + "a"},
        {("endpoints", 0, "hostname"): "-a"},
        {("endpoints", 0, "zone"): 5},
        {("endpoints", 0, "conditions"): {"ready": 1}},
        {("endpoints", 0, "targetRef"): {"kind": "Pod"}},
        {("endpoints", 0, "unknown"): [{}]},
        {("endpoints", 0, "targetRef"): {"kind": "Pod", "name": "a", "unknown": 1}},
        {("endpoints", 0, "hints"): {"forZones": [{"name": "a"}, {"name": "a"}]}},
        {("endpoints", 0, "hints"): {"forZones": [{"name": f"a{number}"} for number in range(9)]}},
        {("endpoints", 0, "hints"): {"forZones": [{}]}},
    ],
    ids=lambda changes: json.dumps(str(changes))[:60],
)
def test_endpoints_in_doubt_are_left_to_python(changes: dict[tuple[str | int, ...], Any]) -> None:
    value = changed(ENDPOINT_SLICE, changes)
    assert written(value).plain_endpoints(value["addressType"], Endpoint, ObjectReference) is None


def test_lists_of_clusters_are_passed_over_in_rust() -> None:
    text = json.dumps({"kind": "List", "items": [SERVICE, ENDPOINT_SLICE, SERVICE]}, indent=4)
    assert [type(document.value) for document in read_text(text).documents] == [WrittenObject] * 3


def test_in_small_texts_everything_is_a_plain_value() -> None:
    with mock.patch.object(json_reader, "_DECODED_AT_ONCE", 1 << 16):
        (document,) = read_text('[{"kind": "Thing"}]').documents
    assert type(document.value) is dict


def test_an_object_in_doubt_leaves_those_after_it_to_rust() -> None:
    documents = read_text('[{"kind": "ä", "a": 1.5}, {"kind": "ö"}]').documents
    assert [type(document.value) for document in documents] == [dict, WrittenObject]


def test_a_written_object_is_a_mapping_equal_to_a_dict() -> None:
    value = {"kind": "Thing", "n": None, "text": 'a"\\\nä😀', "deep": {"list": [1, -2, True, {}, []]}, "": 0}
    (document,) = read_text(json.dumps([value])).documents
    read = document.value
    assert type(read) is WrittenObject
    assert read == value
    assert value == read
    assert (list(read), len(read), repr(read)) == (list(value), len(value), repr(value))
    assert ("n" in read, "m" in read) == (True, False)
    assert (read.get("n", 1), read.get("m", 1), read["text"]) == (None, 1, value["text"])
    with pytest.raises(KeyError, match="m"):
        read["m"]


def test_of_names_that_come_twice_the_last_counts_where_texts_are_too_large_to_look() -> None:
    text = '[{"kind": "Thing", "a": {"b": 1, "b": 2}, "c": 1, "c": 3}]'
    (document,) = read_text(text, limits=Limits(strict_characters=0)).documents
    assert type(document.value) is WrittenObject
    assert document.value == {"kind": "Thing", "a": {"b": 2}, "c": 3}


def test_half_a_surrogate_pair_in_a_string_of_python_is_left_to_python() -> None:
    (document,) = read_text('[{"kind": "\ud800"}]').documents
    assert document.value == {"kind": "\ud800"}


@given(st.lists(slice_values(), min_size=1, max_size=3), st.sampled_from(["node-1", "node-2", ""]))
def test_of_endpoints_that_are_text_the_same_are_selected(values: list[dict[str, Any]], node: str) -> None:
    found = [plain_endpoint_slice(written(value), "default", None) for value in values]
    slices = [item for item in found if item is not None]
    read = [evolve(item, endpoints=tuple(item.endpoints)) for item in slices]
    asked = [ServicePort(80, port.name or "", port.protocol) for item in slices for port in item.ports]
    for family in IPFamily:
        # Those that were read above are text no more.
        written_again = [plain_endpoint_slice(written(value), "default", None) for value in values]
        text = [item for item in written_again if item is not None]
        [selected] = select_service_ports([(text, asked)], family, node, "zone-a")
        [expected] = select_service_ports([(read, asked)], family, node, "zone-a")
        assert selected == expected
        assert [dict(item.candidates) for item in selected] == [dict(item.candidates) for item in expected]


@pytest.mark.parametrize(
    "ask", [repr, copy, evolve, lambda item: item.endpoints], ids=["repr", "copy", "evolve", "endpoints"]
)
def test_a_slice_whose_endpoints_are_text_is_as_any_other(ask: Callable[[EndpointSlice], Any]) -> None:
    def made() -> EndpointSlice:
        found = plain_endpoint_slice(written(changed(ENDPOINT_SLICE, {})), "default", None)
        assert found is not None
        assert type(found.declared_endpoints) is not tuple
        return found

    read = made()
    assert type(read.endpoints) is tuple
    assert read.declared_endpoints is read.endpoints
    assert read == made()
    assert ask(made()) == ask(read)


def test_a_member_can_be_read_without_a_part_of_it_that_is_large() -> None:
    value = {
        "metadata": {"managedFields": [{"a": ['"}', {}]}], "name": "a", "labels": {"managedFields": "b"}},
        "kind": "x",
    }
    found = written(value)
    wanted = {"managedFields": None, "name": "a", "labels": {"managedFields": "b"}}
    assert found.without("metadata", "managedFields") == wanted
    assert found.without("kind", "managedFields") == "x"
    assert found["metadata"] == found.get("metadata") == value["metadata"]
    with pytest.raises(KeyError):
        found.without("spec", "managedFields")
