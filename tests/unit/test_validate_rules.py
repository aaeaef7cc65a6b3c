"""Every rule by which objects are judged, in the API server's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from svcc.validate import ENTRY_ONLY_RULES, RULES
from svcc.validate.admission import admit, is_fatal
from tests.unit.rule_rows.metadata_rows import METADATA_ROWS
from tests.unit.rule_rows.other_rows import ENDPOINT_SLICE_ROWS, NODE_ROWS, SERVICE_CIDR_ROWS
from tests.unit.rule_rows.port_rows import PORT_ROWS
from tests.unit.rule_rows.row import (
    ENDPOINT_SLICE,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE,
    SERVICE,
    SERVICE_CIDR,
    Change,
    Row,
    changed,
    said_of,
)
from tests.unit.rule_rows.service_rows import EXTERNAL_NAME_ROWS, LOAD_BALANCER_ROWS, WARNING_ROWS
from tests.unit.rule_rows.spec_rows import SPEC_ROWS

TABLES: list[tuple[Mapping[str, Any], list[Row]]] = [
    (SERVICE, [*METADATA_ROWS, *PORT_ROWS, *SPEC_ROWS, *WARNING_ROWS]),
    (LOAD_BALANCER, LOAD_BALANCER_ROWS),
    (EXTERNAL_NAME, EXTERNAL_NAME_ROWS),
    (ENDPOINT_SLICE, ENDPOINT_SLICE_ROWS),
    (NODE, NODE_ROWS),
    (SERVICE_CIDR, SERVICE_CIDR_ROWS),
]
CASES = [pytest.param(value, row, id=row.sentence) for value, rows in TABLES for row in rows]


@pytest.mark.parametrize(("value", "row"), CASES)
def test_the_server_would_say(value: Mapping[str, Any], row: Row) -> None:
    assert said_of(value["kind"], value, row.change) == row.expected


@pytest.mark.parametrize("value", [value for value, _ in TABLES], ids=lambda value: value["metadata"]["name"])
def test_nothing_is_said_of_an_object_in_order(value: Mapping[str, Any]) -> None:
    assert said_of(value["kind"], value, {}) == []


@pytest.mark.parametrize(("value", "row"), CASES)
def test_an_object_is_lost_exactly_when_an_error_concerns_all_of_it(value: Mapping[str, Any], row: Row) -> None:
    admission = admit(value["kind"], changed(value, row.change))
    assert (admission.item is None) is any(map(is_fatal, admission.problems))


def test_every_rule_for_objects_has_a_row() -> None:
    covered = {rule for _, rows in TABLES for row in rows for rule, _ in row.expected}
    elsewhere = ("manifest/", "kube-proxy/", "yaml/", "update/", "pool/")
    assert covered == {rule for rule in RULES if not rule.startswith(elsewhere)}


def test_errors_come_in_the_order_of_the_server_and_warnings_last() -> None:
    change: Change = {
        ("metadata", "name"): "9Web",
        ("spec", "ports"): [{"port": 0}, {"port": 0}],
        ("spec", "clusterIP"): "010.0.0.1",
        ("spec", "sessionAffinity"): "Cookie",
        ("spec", "externalIPs"): ["x"],
        ("spec", "type"): "Odd",
        ("spec", "internalTrafficPolicy"): "Odd",
    }
    assert [rule for rule, _ in said_of("Service", SERVICE, change)] == [
        "metadata/name-invalid",
        "service/port-name-required",
        "service/port-out-of-range",
        "service/port-name-required",
        "service/port-out-of-range",
        "service/session-affinity-unsupported",
        "service/external-ip-invalid",
        "service/type-unsupported",
        "service/port-duplicate",
        "service/internal-traffic-policy-unsupported",
        "service/ip-non-standard",
        "service/external-ips-deprecated",
    ]


def test_an_unreadable_entry_costs_the_entry_and_not_the_service() -> None:
    change: Change = {
        ("spec", "externalIPs"): ["banana", "198.51.100.7"],
        ("spec", "loadBalancerSourceRanges"): ["banana", "10.0.0.0/8"],
        ("status", "loadBalancer", "ingress"): [{"ip": "banana"}, {"ip": "203.0.113.7", "ipMode": "new"}],
    }
    admission = admit("Service", changed(LOAD_BALANCER, change))
    errors = {problem.rule for problem in admission.problems} & ENTRY_ONLY_RULES
    assert errors == {
        "service/external-ip-invalid",
        "service/source-range-invalid",
        "service/ingress-ip-invalid",
        "service/ingress-ip-mode-unsupported",
    }
    assert admission.item is not None
    assert admission.item.external_ips == ("banana", "198.51.100.7")  # type: ignore[union-attr]
    assert [entry.ip_mode for entry in admission.item.load_balancer_ingress] == ["VIP", "Proxy"]  # type: ignore[union-attr]
