"""What Prometheus learns of a node: under svcc's names, and under kube-proxy's where they mean the same.

Levels are read from the published state when somebody asks; what happens is counted when it happens. kube-proxy has one
transaction for each IP family and svcc one for both, so with the label `ip_family` the same sync counts once for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from svcc.addresses import IPFamily
from svcc.errors import TargetError
from svcc.fields import Severity
from svcc.node.service_counters import ServiceCounters
from svcc.node.state import Clock, NodeState, Published, Sync, SyncKind

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import Collector
except ImportError:
    raise TargetError(
        "this needs prometheus-client, which is not installed", hint="install it with: pip install 'svcc[node]'"
    ) from None

__all__ = ["NodeMetrics"]

# Beside every counter when it was made, which kube-proxy does not tell, either; this is a switch of the process.
disable_created_metrics()  # type: ignore[no-untyped-call]

# kube-proxy's, pkg/proxy/metrics: 1 ms to 16 s, and 0.25 s to 5 min.
_SYNC_SECONDS: Final = tuple(0.001 * 2**power for power in range(15))
_PROGRAMMING_SECONDS: Final = (0.25, 0.5, *range(1, 60), *range(60, 120, 5), *range(120, 301, 30))
# svcc's own start where its transactions do.
_OWN_SECONDS: Final = tuple(0.0001 * 2**power for power in range(18))
_FAMILY: Final = "ip_family"


class NodeMetrics:
    """The metrics of one node, in a registry of their own.

    Args:
        published: where levels are read from.
        families: the IP families that the node serves.
        clock: for how long something has been waiting.
        unserved_places: how many places cannot be listened on now.
        service_counters: what counts connections; None where nothing does.
    """

    def __init__(
        self,
        published: Published,
        *,
        families: Iterable[IPFamily] = tuple(IPFamily),
        clock: Clock | None = None,
        unserved_places: Callable[[], int] = lambda: 0,
        service_counters: ServiceCounters | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._families = tuple(family.value for family in families)
        self.registry.register(_Levels(published, self._families, clock or Clock(), unserved_places))
        self.registry.register(ProcessCollector(registry=None))
        if service_counters is not None:
            self.registry.register(_Connections(service_counters))
        self._make_own()
        self._make_kube_proxys()

    def _make_own(self) -> None:
        registry = self.registry
        self._syncs = Counter(
            "svcc_syncs", "Synchronizations of the kernel, by kind and outcome.", ["kind", "outcome"], registry=registry
        )
        self._sync_seconds = Histogram(
            "svcc_sync_duration_seconds",
            "How long synchronizations took that succeeded.",
            ["kind"],
            buckets=_OWN_SECONDS,
            registry=registry,
        )
        self._operations = Counter(
            "svcc_operations", "Objects added to or deleted from the tables, by kind.", ["operation"], registry=registry
        )
        self._drift_detected = Counter(
            "svcc_drift_detected", "How often svcc's tables were not as it had left them.", registry=registry
        )
        self._drift_repaired = Counter("svcc_drift_repaired", "How often that was made right.", registry=registry)
        self._health_checks = Counter(
            "svcc_health_check_answers", "Answers on healthCheckNodePorts, by status.", ["code"], registry=registry
        )
        self._connections = Counter(
            "svcc_conntrack_entries_deleted", "UDP connections forgotten: their endpoint was gone.", registry=registry
        )
        self._connection_failures = Counter(
            "svcc_conntrack_failures", "How often UDP connections could not be read or deleted.", registry=registry
        )
        for kind in SyncKind:
            self._sync_seconds.labels(kind.value)
            for outcome in ("success", "failure"):
                self._syncs.labels(kind.value, outcome)

    def _make_kube_proxys(self) -> None:
        registry, families = self.registry, self._families
        sync = "kubeproxy_sync_proxy_rules"

        def by_family(name: str, text: str, buckets: Iterable[float] = _SYNC_SECONDS) -> Histogram:
            made = Histogram(name, text, [_FAMILY], buckets=tuple(buckets), registry=registry)
            for family in families:
                made.labels(family)
            return made

        def counter(name: str, text: str) -> Counter:
            made = Counter(name, text, [_FAMILY], registry=registry)
            for family in families:
                made.labels(family)
            return made

        self._rules_seconds = by_family(f"{sync}_duration_seconds", "How long synchronizations took.")
        self._rules_seconds_of = {
            SyncKind.FULL: by_family("kubeproxy_sync_full_proxy_rules_duration_seconds", "Those that read the kernel."),
            SyncKind.PARTIAL: by_family("kubeproxy_sync_partial_proxy_rules_duration_seconds", "Those that do not."),
        }
        self._programming_seconds = by_family(
            "kubeproxy_network_programming_duration_seconds",
            "From the change of a Service or pod to the rules for it.",
            _PROGRAMMING_SECONDS,
        )
        self._sync_failures = counter(f"{sync}_nftables_sync_failures", "Synchronizations that failed.")
        self._cleanup_failures = counter(
            f"{sync}_nftables_cleanup_failures", "How often what nothing leads to any more could not be deleted."
        )
        self._service_changes = counter(f"{sync}_service_changes", "Changes of Services.")
        self._endpoint_changes = counter(f"{sync}_endpoint_changes", "Changes of EndpointSlices.")
        self._conntrack_seconds = by_family(
            "kubeproxy_conntrack_reconciler_sync_duration_seconds", "How long it took to forget UDP connections."
        )
        self._conntrack_deleted = counter(
            "kubeproxy_conntrack_reconciler_deleted_entries", "UDP connections forgotten: their endpoint was gone."
        )
        # These have no families in kube-proxy, either.
        self._healthz = Counter("kubeproxy_proxy_healthz", "Answers on /healthz.", ["code"], registry=registry)
        self._livez = Counter("kubeproxy_proxy_livez", "Answers on /livez.", ["code"], registry=registry)
        for answers in (self._healthz, self._livez, self._health_checks):
            for code in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
                answers.labels(str(code.value))

    def synchronized(self, sync: Sync, operations: Mapping[str, int] | None = None) -> None:
        """A synchronization has ended; `operations` by kind, such as ``add element``."""
        self._syncs.labels(sync.kind.value, "failure" if sync.error else "success").inc()
        for operation, count in (operations or {}).items():
            self._operations.labels(operation).inc(count)
        if not sync.error:
            self._sync_seconds.labels(sync.kind.value).observe(sync.seconds)
        for family in self._families:
            self._rules_seconds.labels(family).observe(sync.seconds)
            self._rules_seconds_of[sync.kind].labels(family).observe(sync.seconds)
            if sync.error:
                self._sync_failures.labels(family).inc()

    def tidied(self, operations: Mapping[str, int]) -> None:
        """What nothing leads to any more was deleted, which is no synchronization."""
        for operation, count in operations.items():
            self._operations.labels(operation).inc(count)

    def changed(self, *, services: int = 0, endpoint_slices: int = 0) -> None:
        """The source told of so many changes."""
        for family in self._families:
            self._service_changes.labels(family).inc(services)
            self._endpoint_changes.labels(family).inc(endpoint_slices)

    def programmed(self, family: IPFamily, seconds: float) -> None:
        """A change that was triggered so long ago is in the kernel; see `svcc.node.trigger_times`."""
        if family.value in self._families:
            self._programming_seconds.labels(family.value).observe(seconds)

    def tidying_failed(self) -> None:
        """What nothing leads to any more could not be deleted."""
        for family in self._families:
            self._cleanup_failures.labels(family).inc()

    def drifted(self) -> None:
        """The tables were not as svcc had left them."""
        self._drift_detected.inc()

    def drift_repaired(self) -> None:
        """That was made right."""
        self._drift_repaired.inc()

    def connections_forgotten(self, family: IPFamily, entries: int, seconds: float) -> None:
        """So many UDP connections were deleted."""
        self._connections.inc(entries)
        if family.value in self._families:
            self._conntrack_seconds.labels(family.value).observe(seconds)
            self._conntrack_deleted.labels(family.value).inc(entries)

    def connections_failed(self) -> None:
        """UDP connections could not be read or deleted."""
        self._connection_failures.inc()

    def health_check_answered(self, code: int) -> None:
        """Somebody asked on a healthCheckNodePort."""
        self._health_checks.labels(str(code)).inc()

    def probe_answered(self, path: str, code: int) -> None:
        """Somebody asked ``/healthz`` or ``/livez``."""
        counters = {"/healthz": self._healthz, "/livez": self._livez}
        if path in counters:
            counters[path].labels(str(code)).inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics in the form that a client accepts, and the type of that form."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Levels(Collector):
    """What can be read from the state."""

    def __init__(
        self, published: Published, families: tuple[str, ...], clock: Clock, unserved_places: Callable[[], int]
    ) -> None:
        self._published = published
        self._families = families
        self._clock = clock
        self._unserved_places = unserved_places

    def collect(self) -> Iterator[Metric]:
        """The levels at this moment."""
        state = self._published.state
        yield _labelled("svcc_build_info", "The version.", ["version", "node"], [((state.version, state.node), 1)])
        for name, text, value in self._own(state):
            yield GaugeMetricFamily(f"svcc_{name}", text, value=float(value))
        severities = dict.fromkeys(Severity, 0)
        for problem in state.problems:
            severities[problem.severity] += 1
        rows = [((severity.value,), count) for severity, count in severities.items()]
        yield _labelled("svcc_problems", "Problems of what is declared, by severity.", ["severity"], rows)
        yield from self._kube_proxys(state)

    def _own(self, state: NodeState) -> Iterator[tuple[str, str, float]]:
        counts = state.counts
        waiting = 0.0 if state.queued_since is None else self._clock.monotonic() - state.queued_since
        yield "start_timestamp_seconds", "When the process began.", state.started
        yield "source_complete", "Whether all objects have been read.", state.source.is_complete
        yield "source_working", "Whether changes still come from where objects are read.", not state.source.trouble
        yield (
            "source_unread",
            "Files and directories that cannot be read, in whole or in part.",
            len(state.source.faults),
        )
        yield "services", "Services that are served.", counts.services
        yield "service_ports", "Ports of Services that are served, by family each.", counts.service_ports
        yield "frontends", "Addresses with ports, and node ports, that are served.", counts.frontends
        yield "endpoints", "Endpoints that new connections may get, over all service ports.", counts.endpoints
        yield "refused_services", "Services that the kernel does not take.", len(state.refused)
        yield "health_check_ports", "Health check node ports that are to be served.", len(state.health_checks)
        yield "unserved_places", "Addresses with ports that could not be listened on.", self._unserved_places()
        yield "waiting_seconds", "For how long the oldest change waits to get into the kernel.", waiting
        yield "node_eligible", "Whether balancers may count on this node.", bool(state.eligibility)
        if state.last_success is not None:
            text = "When the kernel last was brought to what is declared."
            yield "last_success_timestamp_seconds", text, state.last_success.ended_at
        if state.last_full_sync is not None:
            text = "When the kernel last was read and compared."
            yield "last_verification_timestamp_seconds", text, state.last_full_sync.ended_at

    def _kube_proxys(self, state: NodeState) -> Iterator[Metric]:
        sync = "kubeproxy_sync_proxy_rules"
        last = state.last_success.ended_at if state.last_success else 0.0
        queued = 0.0
        if state.queued_since is not None:
            queued = self._clock.now() - (self._clock.monotonic() - state.queued_since)
        for name, text, value in (
            (f"{sync}_last_timestamp_seconds", "When a synchronization last succeeded.", last),
            (f"{sync}_last_queued_timestamp_seconds", "Since when a change waits; 0 if none does.", queued),
            (f"{sync}_service_changes_pending", "Changes of Services that wait.", state.pending_services),
            (f"{sync}_endpoint_changes_pending", "Changes of EndpointSlices that wait.", state.pending_endpoints),
        ):
            yield _labelled(name, text, [_FAMILY], [((family,), value) for family in self._families])
        counts = state.counts
        yield _labelled(
            f"{sync}_no_local_endpoints_total",
            "Service ports whose traffic is to stay on nodes with endpoints, which this one is not.",
            ["traffic_policy"],
            [(("internal",), counts.internal_without_local), (("external",), counts.external_without_local)],
        )


class _Connections(Collector):
    """What was counted for Services."""

    def __init__(self, service_counters: ServiceCounters) -> None:
        self._service_counters = service_counters

    def describe(self) -> Iterator[Metric]:
        """The name alone: registering must not read the kernel."""
        yield _connections()

    def collect(self) -> Iterator[Metric]:
        """All frontends, those that nobody asked for included."""
        family = _connections()
        for each in self._service_counters.connections():
            family.add_metric(each.labels, each.connections)
        yield family


def _connections() -> CounterMetricFamily:
    return CounterMetricFamily(
        "svcc_service_connections",
        "Connections to frontends of Services, by their first packets, whether they were served or refused.",
        labels=["namespace", "service", "port", "protocol", "frontend"],
    )


def _labelled(name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(list(values), float(number))
    return family
