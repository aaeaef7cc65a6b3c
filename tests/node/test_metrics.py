"""Every name that is promised is there and moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from svcc.addresses import IPFamily
from svcc.fields import Severity
from svcc.node.metrics import NodeMetrics
from svcc.node.state import Counts, Eligibility, Published, RefusedService, SourceFault, SourceState, Sync, SyncKind
from tests.node.states import START, StandingClock, checks, problem, published, reference

V4 = {"ip_family": "IPv4"}
CLOCK = StandingClock()
FULL, PARTIAL = Sync(SyncKind.FULL, START + 5, 0.25, 7), Sync(SyncKind.PARTIAL, START + 5, 0.001, 2)
FAILED = attrs.evolve(PARTIAL, error="no buffer space")
COUNTS = Counts(3, 5, 8, 13, 1, 2)
SYNC = "kubeproxy_sync_proxy_rules"

Event = Callable[[NodeMetrics], None]
EVENTS: list[tuple[str, Mapping[str, str], Event, float]] = [
    ("svcc_syncs_total", {"kind": "full", "outcome": "success"}, lambda m: m.synchronized(FULL), 1),
    ("svcc_syncs_total", {"kind": "partial", "outcome": "failure"}, lambda m: m.synchronized(FAILED), 1),
    ("svcc_sync_duration_seconds_sum", {"kind": "full"}, lambda m: m.synchronized(FULL), 0.25),
    ("svcc_sync_duration_seconds_count", {"kind": "partial"}, lambda m: m.synchronized(FAILED), 0),
    ("svcc_operations_total", {"operation": "add element"}, lambda m: m.synchronized(FULL, {"add element": 7}), 7),
    ("svcc_operations_total", {"operation": "delete set"}, lambda m: m.tidied({"delete set": 2}), 2),
    ("svcc_syncs_total", {"kind": "partial", "outcome": "success"}, lambda m: m.tidied({"delete set": 2}), 0),
    ("svcc_drift_detected_total", {}, lambda m: m.drifted(), 1),
    ("svcc_drift_repaired_total", {}, lambda m: m.drift_repaired(), 1),
    ("svcc_drift_repaired_total", {}, lambda m: m.drifted(), 0),
    ("svcc_health_check_answers_total", {"code": "503"}, lambda m: m.health_check_answered(503), 1),
    ("svcc_conntrack_entries_deleted_total", {}, lambda m: m.connections_forgotten(IPFamily.IPV6, 4, 0.1), 4),
    ("svcc_conntrack_failures_total", {}, lambda m: m.connections_failed(), 1),
    (f"{SYNC}_duration_seconds_sum", V4, lambda m: m.synchronized(FULL), 0.25),
    (f"{SYNC}_duration_seconds_count", V4, lambda m: m.synchronized(FAILED), 1),
    ("kubeproxy_sync_full_proxy_rules_duration_seconds_count", V4, lambda m: m.synchronized(FULL), 1),
    ("kubeproxy_sync_full_proxy_rules_duration_seconds_count", V4, lambda m: m.synchronized(PARTIAL), 0),
    ("kubeproxy_sync_partial_proxy_rules_duration_seconds_sum", V4, lambda m: m.synchronized(PARTIAL), 0.001),
    (f"{SYNC}_nftables_sync_failures_total", V4, lambda m: m.synchronized(FAILED), 1),
    (f"{SYNC}_nftables_sync_failures_total", V4, lambda m: m.synchronized(PARTIAL), 0),
    (f"{SYNC}_nftables_cleanup_failures_total", V4, lambda m: m.tidying_failed(), 1),
    (f"{SYNC}_service_changes_total", V4, lambda m: m.changed(services=6), 6),
    (f"{SYNC}_endpoint_changes_total", V4, lambda m: m.changed(endpoint_slices=7), 7),
    ("kubeproxy_network_programming_duration_seconds_sum", V4, lambda m: m.programmed(IPFamily.IPV4, 2.5), 2.5),
    ("kubeproxy_network_programming_duration_seconds_count", V4, lambda m: m.programmed(IPFamily.IPV6, 2.5), 0),
    ("kubeproxy_proxy_healthz_total", {"code": "200"}, lambda m: m.probe_answered("/healthz", 200), 1),
    ("kubeproxy_proxy_livez_total", {"code": "503"}, lambda m: m.probe_answered("/livez", 503), 1),
    ("kubeproxy_proxy_livez_total", {"code": "503"}, lambda m: m.probe_answered("/healthz", 503), 0),
    (
        "kubeproxy_conntrack_reconciler_sync_duration_seconds_sum",
        V4,
        lambda m: m.connections_forgotten(IPFamily.IPV4, 4, 0.5),
        0.5,
    ),
    (
        "kubeproxy_conntrack_reconciler_deleted_entries_total",
        V4,
        lambda m: m.connections_forgotten(IPFamily.IPV4, 4, 0.5),
        4,
    ),
]

LEVELS: list[tuple[str, Mapping[str, str], Mapping[str, Any], float]] = [
    ("svcc_build_info", {"version": "9", "node": "worker-1"}, {"version": "9"}, 1),
    ("svcc_start_timestamp_seconds", {}, {"started": START}, START),
    ("svcc_source_complete", {}, {"source": SourceState("stdin")}, 0),
    (
        "svcc_source_unread",
        {},
        {"source": SourceState("m", is_complete=True, faults=(SourceFault(problem("is gone"), START),))},
        1,
    ),
    ("svcc_source_working", {}, {"source": SourceState("stdin", trouble="ended")}, 0),
    ("svcc_services", {}, {"counts": COUNTS}, 3),
    ("svcc_service_ports", {}, {"counts": COUNTS}, 5),
    ("svcc_frontends", {}, {"counts": COUNTS}, 8),
    ("svcc_endpoints", {}, {"counts": COUNTS}, 13),
    ("svcc_refused_services", {}, {"refused": (RefusedService(reference("web"), "too long"),)}, 1),
    ("svcc_health_check_ports", {}, {"health_checks": checks({30000: 1, 30001: 0})}, 2),
    ("svcc_waiting_seconds", {}, {"queued_since": CLOCK.monotonic - 12}, 12),
    ("svcc_node_eligible", {}, {"eligibility": Eligibility(is_being_deleted=True)}, 0),
    ("svcc_problems", {"severity": "error"}, {"problems": (problem("one", Severity.ERROR), problem("two"))}, 1),
    ("svcc_last_success_timestamp_seconds", {}, {"last_success": PARTIAL}, START + 5),
    ("svcc_last_verification_timestamp_seconds", {}, {"last_full_sync": FULL}, START + 5),
    (f"{SYNC}_last_timestamp_seconds", V4, {"last_success": PARTIAL}, START + 5),
    (f"{SYNC}_last_queued_timestamp_seconds", V4, {"queued_since": CLOCK.monotonic - 12}, START - 12),
    (f"{SYNC}_service_changes_pending", V4, {"pending_services": 3}, 3),
    (f"{SYNC}_endpoint_changes_pending", V4, {"pending_endpoints": 4}, 4),
    (f"{SYNC}_no_local_endpoints_total", {"traffic_policy": "internal"}, {"counts": COUNTS}, 1),
    (f"{SYNC}_no_local_endpoints_total", {"traffic_policy": "external"}, {"counts": COUNTS}, 2),
]


def made(node: Published) -> NodeMetrics:
    return NodeMetrics(node, clock=CLOCK.clock(), families=(IPFamily.IPV4,))


@pytest.mark.parametrize(("name", "labels", "event", "rise"), EVENTS)
def test_what_happens_is_counted(name: str, labels: Mapping[str, str], event: Event, rise: float) -> None:
    metrics = made(published())
    before = metrics.registry.get_sample_value(name, dict(labels))
    # Codes and operations are there once they have happened; all others from the start.
    assert before == 0 or (before is None and {"code", "operation"} & labels.keys())
    event(metrics)
    assert metrics.registry.get_sample_value(name, dict(labels)) == pytest.approx(rise)


@pytest.mark.parametrize(("name", "labels", "fields", "level"), LEVELS)
def test_what_the_state_says_is_read_when_somebody_asks(
    name: str, labels: Mapping[str, str], fields: Mapping[str, Any], level: float
) -> None:
    node = published()
    metrics = made(node)
    before = metrics.registry.get_sample_value(name, dict(labels))
    node.state = attrs.evolve(node.state, **fields)
    after = metrics.registry.get_sample_value(name, dict(labels))
    assert after == pytest.approx(level)
    assert after != before


def test_places_that_cannot_be_listened_on_are_counted() -> None:
    metrics = NodeMetrics(published(), unserved_places=lambda: 2)
    assert metrics.registry.get_sample_value("svcc_unserved_places") == 2


def test_every_family_has_numbers_of_its_own_from_the_start() -> None:
    text = NodeMetrics(published()).exposition()[0].decode()
    for family in IPFamily:
        assert f'{SYNC}_duration_seconds_count{{ip_family="{family}"}} 0.0\n' in text
        assert f'{SYNC}_service_changes_total{{ip_family="{family}"}} 0.0\n' in text


def test_two_nodes_in_one_process_have_registries_of_their_own() -> None:
    one, other = made(published()), made(published())
    one.drifted()
    assert other.registry.get_sample_value("svcc_drift_detected_total") == 0


def test_names_of_svcc_are_in_the_form_that_prometheus_asks_for() -> None:
    for metric in made(published(last_success=FULL, last_full_sync=FULL)).registry.collect():
        assert metric.documentation
        if metric.name.startswith("svcc_") and ("duration" in metric.name or "timestamp" in metric.name):
            assert metric.name.endswith("_seconds")


def test_memory_and_descriptors_of_the_process_are_there() -> None:
    registry = made(published()).registry
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 0
    assert (registry.get_sample_value("process_open_fds") or 0) > 0


# Section by section of kube-proxy's pkg/proxy/metrics, without the families of iptables and ipvs.
KUBE_PROXYS = [
    "sync_proxy_rules_duration_seconds_bucket",
    "sync_full_proxy_rules_duration_seconds_bucket",
    "sync_partial_proxy_rules_duration_seconds_bucket",
    "sync_proxy_rules_last_timestamp_seconds",
    "sync_proxy_rules_last_queued_timestamp_seconds",
    "sync_proxy_rules_endpoint_changes_pending",
    "sync_proxy_rules_endpoint_changes_total",
    "sync_proxy_rules_service_changes_pending",
    "sync_proxy_rules_service_changes_total",
    "sync_proxy_rules_nftables_sync_failures_total",
    "sync_proxy_rules_nftables_cleanup_failures_total",
    "sync_proxy_rules_no_local_endpoints_total",
    "network_programming_duration_seconds_bucket",
    "proxy_healthz_total",
    "proxy_livez_total",
    "conntrack_reconciler_sync_duration_seconds_bucket",
    "conntrack_reconciler_deleted_entries_total",
]


def test_kube_proxys_names_are_there_to_the_letter() -> None:
    text = made(published()).exposition()[0].decode()
    told = {line.partition("{")[0] for line in text.splitlines() if line.startswith("kubeproxy_")}
    assert told >= {f"kubeproxy_{name}" for name in KUBE_PROXYS}


def test_there_is_no_name_that_no_test_moves() -> None:
    tested = {name for name, *_ in (*EVENTS, *LEVELS)} | {"svcc_unserved_places"}
    endings = ("_total", "_sum", "_count")
    families = {next((name.removesuffix(end) for end in endings if name.endswith(end)), name) for name in tested}
    node = published(last_success=FULL, last_full_sync=FULL)
    exposed = {metric.name.removesuffix("_total") for metric in made(node).registry.collect()}
    assert {name for name in exposed if not name.startswith("process_")} == families
