"""Reservations as files: what is read, what is refused, and that what is written is read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.allocation.reservation import Reservation
from svcc.allocation.reservation_file import read_reservation
from svcc.errors import InputError, SettingsError

YAML = """
# who has what
clusterIPs:
  10.96.0.10: kube-system/kube-dns
  FD00::A: shop/web
nodePorts:
  30080: shop/web:80
  "30081": shop/web:health-check
  30082:
loadBalancerIPs:
  192.0.2.10: [shop/web, shop/api]
  192.0.2.11: shop/web
"""

EXPECTED = Reservation(
    cluster_ips={"10.96.0.10": "kube-system/kube-dns", "fd00::a": "shop/web"},
    node_ports={30080: "shop/web:80", 30081: "shop/web:health-check", 30082: ""},
    load_balancer_ips={"192.0.2.10": ["shop/web", "shop/api"], "192.0.2.11": ["shop/web"]},
)

IP_ADDRESSES = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {"name": "10.96.0.1"},
            "spec": {"parentRef": {"group": "", "name": "kubernetes", "namespace": "default", "resource": "services"}},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {"name": "10.96.0.2"},
            "spec": {"parentRef": {"name": "main", "namespace": "infra", "resource": "gateways"}},
        },
    ],
}


def test_yaml_is_read() -> None:
    assert read_reservation(YAML, "kept.yaml") == EXPECTED


def test_json_is_read() -> None:
    text = '{"clusterIPs": {"10.96.0.10": "a/b"}, "nodePorts": {"30080": "a/b:80"}}'
    assert read_reservation(text, "kept.json") == Reservation(
        cluster_ips={"10.96.0.10": "a/b"}, node_ports={30080: "a/b:80"}
    )


def test_what_is_written_is_read_again_in_the_order_of_the_numbers() -> None:
    text = EXPECTED.text()
    assert read_reservation(text, "kept.json") == EXPECTED
    assert list(json.loads(text)["clusterIPs"]) == ["10.96.0.10", "fd00::a"]
    assert read_reservation(text, "kept.json").text() == text


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "{}", "kind: Reservation\napiVersion: svcc/v1\n"])
def test_an_empty_file_reserves_nothing(text: str) -> None:
    assert read_reservation(text, "kept.yaml") == Reservation()


def test_ip_addresses_of_a_cluster_reserve_for_their_services_and_keep_from_everybody_what_others_have() -> None:
    expected = {"10.96.0.1": "default/kubernetes", "10.96.0.2": "gateways infra/main"}
    assert read_reservation(json.dumps(IP_ADDRESSES), "ips.json").cluster_ips == expected


def test_several_documents_are_put_together() -> None:
    text = "clusterIPs: {10.96.0.1: a/b}\n---\nclusterIPs: {10.96.0.1: a/b, 10.96.0.2: c/d}\n"
    assert dict(read_reservation(text, "kept.yaml").cluster_ips) == {"10.96.0.1": "a/b", "10.96.0.2": "c/d"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", "it is not YAML"),
        ("{", "it is not JSON"),
        ("- a\n", "it is no map of clusterIPs, nodePorts, loadBalancerIPs"),
        ("web", "it is no map of"),
        ("kind: Service\n", "a Service is no reservation"),
        ("apiVersion: v2\n", "apiVersion is not svcc/v1"),
        ("clusterIps: {}\n", "unknown clusterIps; known are clusterIPs, nodePorts, loadBalancerIPs"),
        ("clusterIPs: [10.96.0.1]\n", "clusterIPs is no map of numbers to their owners"),
        ("clusterIPs: {web: a/b}\n", r"clusterIPs\[web\] is no IP address"),
        ("clusterIPs: {10.96.0.1: [a/b]}\n", r"clusterIPs\[10.96.0.1\]: the owner is no text, such as shop/web"),
        ('{"clusterIPs": {"10.96.0.1": 1}}', r"clusterIPs\[10.96.0.1\]: the owner is no text"),
        ("clusterIPs: {10.96.0.1: a/b, 10.96.0.1: c/d}\n", '"10.96.0.1" is there twice'),
        ('{"clusterIPs": {"10.96.0.1": "a/b", "10.96.0.1": "c/d"}}', '"10.96.0.1" is there twice'),
        ("clusterIPs: {fd00::1: a/b, FD00::1: c/d}\n", "clusterIPs: fd00::1 is there twice, for a/b and for c/d"),
        ("nodePorts: {http: a/b}\n", r"nodePorts\[http\] is no port"),
        ("nodePorts: {0: a/b}\n", "node port 0 is not in the range 1 to 65535"),
        ("nodePorts: {65536: a/b}\n", "node port 65536 is not in the range"),
        ("nodePorts: {30080: a/b, '030080': c/d}\n", r"nodePorts\[030080\] is no port"),
        ("clusterIPs: &a {}\nnodePorts: *a\n", "line 2: aliases are not read"),
        ("a: " + "[" * 100 + "]" * 100, "line 1: it is nested too deeply"),
        ('{"a": ' + "[" * 100_000, "it is nested too deeply|it is not JSON"),
        ("{[a]: b}", "it is not JSON"),
        ("? [a]\n: b\n", "a key is no text"),
        ("kind: IPAddress\n", "the IPAddress lacks its name or its parentRef"),
        ("kind: List\nitems: 1\n", "items is no list"),
        ('{"kind": "List", "items": [{"kind": "Pod"}]}', r"items\[0\]: a Pod is no reservation"),
        ("clusterIPs: {\x00: a}\n", "it is not YAML"),
    ],
)
def test_what_is_no_reservation_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=rf"^kept: .*({sentence})"):
        read_reservation(text, "kept")


def test_a_list_that_has_itself_in_it_ends() -> None:
    text = '{"kind": "List", "items": [' * 2000 + "]}" * 2000
    with pytest.raises(InputError, match="nested too deeply"):
        read_reservation(text, "kept")


def test_numbers_are_checked_in_python_too() -> None:
    with pytest.raises(SettingsError, match='"web" is no IP address'):
        Reservation(cluster_ips={"web": "a/b"})
    with pytest.raises(SettingsError, match="node port 65536"):
        Reservation(node_ports={65536: "a/b"})


@given(st.text() | st.from_regex(r"(clusterIPs|nodePorts|items|kind): .{0,20}\n?", fullmatch=True))
def test_any_text_is_a_reservation_or_refused(text: str) -> None:
    message = "kept: "
    found = Reservation()
    try:
        found = read_reservation(text, "kept")
    except InputError as error:
        message = error.message
    assert message.startswith("kept: ")
    assert message.isprintable()
    assert read_reservation(found.text(), "again") == found
