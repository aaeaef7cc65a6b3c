"""What the kernel has counted is added up, by frontends, whatever becomes of elements; and told to those who ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from attrs import define, field
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from svcc.addresses import IPFamily
from svcc.cli import cli
from svcc.cli.output import Talk
from svcc.dataplane.contract import ServicePortPlan
from svcc.model.cluster import ClusterObject
from svcc.model.service import Service, ServicePort
from svcc.node.counter_dump import CounterKey, counter_key
from svcc.node.metrics import NodeMetrics
from svcc.node.servers import NodeServers, ServerSettings
from svcc.node.service_counters import ServiceCounters
from svcc.node.status_socket import read_connections
from tests.declare import compiled, service
from tests.node.states import published

WEB = service("web", ["10.96.0.1", "fd00:96::1"], ServicePort(80, "http", node_port=30080), type="NodePort")
PLACES = ["0.0.0.0:30080", "10.96.0.1:80", "[::]:30080", "[fd00:96::1]:80"]


def plans_of(*objects: ClusterObject) -> Mapping[IPFamily, Sequence[ServicePortPlan]]:
    return {family.family: family.service_ports for family in compiled(*objects).dataplane.families}


def key_of(item: Service) -> CounterKey:
    """The key of a Service's first frontend of IPv4."""
    plan = plans_of(item)[IPFamily.IPV4][0]
    return counter_key(IPFamily.IPV4, plan.name.protocol, plan.frontends[0])


@define
class Kernel:
    """Stands for what the kernel holds; `now` is the time."""

    counted: dict[CounterKey, int] = field(factory=dict)
    is_whole: bool = True
    error: OSError | None = None
    readings: int = 0
    now: float = 0.0

    def read(self) -> tuple[dict[CounterKey, int], bool]:
        self.readings += 1
        if self.error is not None:
            raise self.error
        return dict(self.counted), self.is_whole

    def counters(self, *services: Service) -> ServiceCounters:
        made = ServiceCounters(self.read, clock=lambda: self.now)
        for item in services:
            made.replace(item.reference, plans_of(item))
        return made

    def after(self, counters: ServiceCounters, **changed: int) -> dict[str, int]:
        """What there is some time later; those of IPv4's cluster IPs are meant by the Service's name."""
        self.now += 60
        for name, count in changed.items():
            [item] = [each for each in (WEB, OTHER) if each.name == name]
            self.counted[key_of(item)] = count
        return {each.frontend: each.connections for each in counters.connections() if each.connections}


OTHER = service("other", ["10.96.0.2"])


def test_a_key_is_written_as_the_kernel_has_it() -> None:
    [plan] = plans_of(WEB)[IPFamily.IPV6]
    found = {counter_key(IPFamily.IPV6, plan.name.protocol, each)[1].hex() for each in plan.frontends}
    assert found == {"06000000fd000096" + "0000000000000000" + "0000000100500000", "0600000075800000"}


def test_all_frontends_are_there_from_the_start() -> None:
    counters = Kernel().counters(WEB)
    assert sorted(each.frontend for each in counters.connections()) == PLACES
    assert {each.labels[:4] for each in counters.connections()} == {("default", "web", "http", "TCP")}


def test_a_sum_begins_with_what_the_kernel_has_and_goes_on_when_that_begins_anew() -> None:
    kernel = Kernel()
    counters = kernel.counters(WEB)
    assert kernel.after(counters, web=5) == {"10.96.0.1:80": 5}
    assert kernel.after(counters, web=7) == {"10.96.0.1:80": 7}
    assert kernel.after(counters, web=3) == {"10.96.0.1:80": 10}
    kernel.counted.clear()
    assert kernel.after(counters) == {"10.96.0.1:80": 10}
    assert kernel.after(counters, web=8) == {"10.96.0.1:80": 18}


def test_an_element_that_was_only_missed_has_not_begun_anew() -> None:
    kernel = Kernel()
    counters = kernel.counters(WEB)
    kernel.after(counters, web=5)
    kernel.is_whole = False
    kernel.counted.clear()
    assert kernel.after(counters) == {"10.96.0.1:80": 5}
    assert kernel.readings == 3, "what changes meanwhile is read once more"
    kernel.is_whole = True
    assert kernel.after(counters, web=6) == {"10.96.0.1:80": 6}


def test_frontends_come_and_go_with_their_services() -> None:
    kernel = Kernel()
    counters = kernel.counters(WEB, OTHER)
    assert kernel.after(counters, web=5, other=2) == {"10.96.0.1:80": 5, "10.96.0.2:80": 2}
    counters.replace(WEB.reference, plans_of(WEB))
    counters.replace(OTHER.reference, {})
    assert kernel.after(counters) == {"10.96.0.1:80": 5}
    counters.replace(OTHER.reference, plans_of(OTHER))
    assert kernel.after(counters, other=1) == {"10.96.0.1:80": 5, "10.96.0.2:80": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_frontend_is_counted_for_who_has_it_now(order: tuple[int, int]) -> None:
    heir = service("heir", ["10.96.0.2"])
    kernel = Kernel()
    counters = kernel.counters(OTHER)
    kernel.after(counters, other=5)
    moves = [(OTHER.reference, {}), (heir.reference, plans_of(heir))]
    for place in order:
        counters.replace(*moves[place])
    kernel.after(counters, other=2)
    assert [(each.name.service, each.connections) for each in counters.connections()] == [("heir", 2)]


def test_the_kernel_is_read_once_in_a_few_seconds() -> None:
    kernel = Kernel()
    counters = kernel.counters(WEB)
    for _ in range(5):
        counters.connections()
    assert kernel.readings == 1
    kernel.now += 5
    counters.connections()
    assert kernel.readings == 2


def test_what_was_known_stays_where_the_kernel_refuses_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel()
    counters = kernel.counters(WEB)
    kernel.after(counters, web=5)
    kernel.error = PermissionError(1, "Operation not permitted")
    assert kernel.after(counters) == kernel.after(counters) == {"10.96.0.1:80": 5}
    assert caplog.messages == ["connections cannot be counted: Operation not permitted"]


def test_prometheus_gets_a_counter_for_each_frontend() -> None:
    kernel = Kernel()
    metrics = NodeMetrics(published(), service_counters=kernel.counters(WEB))
    assert kernel.readings == 0, "nobody has asked"
    kernel.counted[key_of(WEB)] = 7
    text = metrics.exposition()[0].decode()
    [family] = [each for each in text_string_to_metric_families(text) if each.name == "svcc_service_connections"]
    assert family.type == "counter"
    labels = {"namespace": "default", "service": "web", "port": "http", "protocol": "TCP"}
    found = {sample.labels["frontend"]: sample.value for sample in family.samples}
    assert found == {**dict.fromkeys(PLACES, 0), "10.96.0.1:80": 7}
    assert all(sample.labels.items() >= labels.items() for sample in family.samples)
    assert "svcc_service_connections" not in NodeMetrics(published()).exposition()[0].decode()


def test_the_status_as_json_holds_the_connections(settings: ServerSettings) -> None:
    kernel = Kernel(counted={key_of(WEB): 7})
    servers = NodeServers(published(), settings, service_counters=kernel.counters(WEB))
    servers.start()
    try:
        arguments = ["node", "status", "--runtime-directory", str(settings.runtime_directory), "-o", "json"]
        printed = CliRunner().invoke(cli, arguments, obj=Talk(), standalone_mode=False).stdout
    finally:
        servers.close()
    found = json.loads(printed)["serviceConnections"]
    assert sorted(each["frontend"] for each in found) == PLACES
    assert [each for each in found if each["connections"]] == [
        {
            "namespace": "default",
            "service": "web",
            "port": "http",
            "protocol": "TCP",
            "frontend": "10.96.0.1:80",
            "connections": 7,
        }
    ]


def test_nothing_is_told_where_nothing_is_counted(settings: ServerSettings) -> None:
    servers = NodeServers(published(), settings)
    servers.start()
    try:
        assert read_connections(settings.runtime_directory) is None
    finally:
        servers.close()
