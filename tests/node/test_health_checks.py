"""S50: what balancers hear on healthCheckNodePorts, over real sockets."""

from __future__ import annotations

import json
import socket

import attrs
import pytest

from svcc.addresses import IPFamily
from svcc.dataplane.contract import NodePortAddresses
from svcc.fields import Severity
from svcc.node.health_checks import HealthChecks
from svcc.node.http_server import Limits
from svcc.node.servers import ServerSettings
from tests.kernel.namespace import NetworkNamespace
from tests.node.asking import PATIENCE_SECONDS, ask, connected, everything, free_port, is_refused, serving, wait_until
from tests.node.states import StandingClock, checks, published, reference

CLOCK = StandingClock().clock()


def test_a_service_with_endpoints_here_is_answered_as_kube_proxy_does_s50(settings: ServerSettings) -> None:
    port = free_port()
    with serving(published(health_checks=checks({port: 3})), settings, CLOCK):
        answer = ask(port)
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "service": {"namespace": "shop", "name": f"web-{port}"},
        "localEndpoints": 3,
        "serviceProxyHealthy": True,
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Load-Balancing-Endpoint-Weight"] == "3"


def test_a_service_without_endpoints_here_is_not_to_be_sent_to(settings: ServerSettings) -> None:
    port = free_port()
    with serving(published(health_checks=checks({port: 0})), settings, CLOCK):
        answer = ask(port)
    assert answer.status == 503
    assert json.loads(answer.body)["serviceProxyHealthy"] is True
    assert answer.headers["X-Load-Balancing-Endpoint-Weight"] == "0"


def test_nothing_is_to_be_sent_to_a_node_whose_rules_are_late(settings: ServerSettings) -> None:
    port, time = free_port(), StandingClock()
    late = published(health_checks=checks({port: 2}), queued_since=time.monotonic)
    with serving(late, settings, time.clock()):
        time.seconds = settings.health_timeout_seconds
        assert ask(port).status == 200
        time.seconds += 0.001
        answer = ask(port)
    assert answer.status == 503
    assert json.loads(answer.body)["serviceProxyHealthy"] is False
    assert json.loads(answer.body)["localEndpoints"] == 2


def test_a_bug_in_following_what_is_to_be_answered_is_told_although_nobody_waits(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = published()
    with serving(node, settings, CLOCK) as servers:
        with monkeypatch.context() as broken:
            broken.setattr(HealthChecks, "places", lambda _self: 1 // 0)
            node.state = attrs.evolve(node.state, health_checks=checks({free_port(): 1}))
            servers.refresh()
            wait_until(lambda: "ZeroDivisionError" in caplog.text)
        node.state = attrs.evolve(node.state, health_checks=checks({(port := free_port()): 1}))
        servers.refresh().result()
        assert ask(port).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/any/where?at=all", "*"])
def test_whatever_is_asked_the_answer_is_the_same(method: str, path: str, settings: ServerSettings) -> None:
    port = free_port()
    with serving(published(health_checks=checks({port: 1})), settings, CLOCK):
        answer = ask(port, path, method=method, body=b"x" * 100_000 if method == "POST" else None)
    assert answer.status == 200
    assert answer.headers["X-Load-Balancing-Endpoint-Weight"] == "1"
    assert bool(answer.body) == (method != "HEAD")


def test_the_number_of_endpoints_is_that_of_now_without_a_refresh(settings: ServerSettings) -> None:
    port = free_port()
    now = published(health_checks=checks({port: 1}))
    with serving(now, settings, CLOCK):
        assert ask(port).status == 200
        now.state = attrs.evolve(now.state, health_checks=checks({port: 0}))
        assert ask(port).status == 503


def test_a_service_that_goes_closes_its_port_and_no_other_notices(settings: ServerSettings) -> None:
    stays, goes, comes = free_port(), free_port(), free_port()
    now = published(health_checks=checks({stays: 1, goes: 1}))
    with serving(now, settings, CLOCK) as servers, connected(stays) as early:
        early.sendall(b"GET / HTTP/1.1\r\n")
        now.state = attrs.evolve(now.state, health_checks=checks({stays: 4, comes: 1}))
        servers.refresh().result()
        assert is_refused(goes)
        assert ask(comes).status == 200
        early.sendall(b"Host: node\r\n\r\n")
        assert b"X-Load-Balancing-Endpoint-Weight: 4\r\n" in everything(early)


def test_a_port_that_goes_to_another_service_answers_for_that(settings: ServerSettings) -> None:
    port = free_port()
    now = published(health_checks=checks({port: 1}))
    with serving(now, settings, CLOCK) as servers:
        other = attrs.evolve(now.state.health_checks[port], service=reference("cart"))
        now.state = attrs.evolve(now.state, health_checks={port: other})
        servers.refresh().result()
        assert json.loads(ask(port).body)["service"]["name"] == "cart"


def test_a_port_that_somebody_else_has_is_reported_and_stops_no_other(settings: ServerSettings) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken, port = int(somebody.getsockname()[1]), free_port()
        now = published(health_checks=checks({taken: 1, port: 1}))
        with serving(now, settings, CLOCK) as servers:
            assert ask(port).status == 200
            [problem] = servers.problems
            assert problem.object == reference(f"web-{taken}")
            assert problem.severity is Severity.WARNING
            assert f"127.0.0.1:{taken}: Address already in use" in problem.message()
            assert b"\nsvcc_unserved_places 1.0\n" in servers.metrics.exposition()[0]
            # A Service that goes takes its problem with it.
            now.state = attrs.evolve(now.state, health_checks=checks({port: 1}))
            servers.refresh().result()
            assert servers.problems == ()


def test_a_port_that_becomes_free_is_taken(settings: ServerSettings) -> None:
    somebody = socket.socket()
    somebody.bind(("127.0.0.1", 0))
    somebody.listen()
    port = int(somebody.getsockname()[1])
    with serving(published(health_checks=checks({port: 1})), settings, CLOCK, retry_seconds=0.01) as servers:
        assert servers.problems
        somebody.close()
        wait_until(lambda: not servers.problems)
        assert ask(port).status == 200


def test_clients_that_say_nothing_keep_nobody_from_an_answer(settings: ServerSettings) -> None:
    port = free_port()
    limits = Limits(connections=8, seconds=PATIENCE_SECONDS)
    with serving(published(health_checks=checks({port: 1})), settings, CLOCK, limits=limits) as servers:
        silent = [connected(port) for _ in range(20)]
        try:
            assert ask(port).status == 200
            # The oldest were cut off to make room.
            assert everything(silent[0]) == b""
            silent[-1].sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert everything(silent[-1]).startswith(b"HTTP/1.1 200 OK\r\n")
        finally:
            for client in silent:
                client.close()
        wait_until(lambda: servers.open_connections == 0)


def test_only_the_addresses_that_serve_node_ports_answer(settings: ServerSettings) -> None:
    port = free_port()
    node_ports = {IPFamily.IPV4: NodePortAddresses(("127.0.0.2",)), IPFamily.IPV6: NodePortAddresses(())}
    with serving(published(health_checks=checks({port: 1}), node_ports=node_ports), settings, CLOCK):
        assert ask(port, address="127.0.0.2").status == 200
        assert is_refused(port)


@pytest.fixture
def namespace() -> NetworkNamespace:
    found = NetworkNamespace()
    found.ip("link set lo up", "addr add 192.0.2.1/32 dev lo", "addr add 198.51.100.1/32 dev lo")
    found.ip("addr add 2001:db8::1/128 dev lo nodad", family=6)
    found.wait_until_local("2001:db8::1")
    return found


@pytest.mark.kernel
def test_where_every_address_serves_node_ports_all_of_both_families_answer(
    namespace: NetworkNamespace, settings: ServerSettings
) -> None:
    everywhere = {family: NodePortAddresses(None) for family in IPFamily}
    node = published(health_checks=checks({30000: 1}), node_ports=everywhere)
    with namespace.entered(), serving(node, settings, CLOCK) as servers:
        assert servers.problems == ()
        for address in ("192.0.2.1", "198.51.100.1", "2001:db8::1"):
            assert ask(30000, address=address).status == 200
    namespace.close()


@pytest.mark.kernel
def test_where_prefixes_serve_node_ports_others_get_no_word_and_later_addresses_do(
    namespace: NetworkNamespace, settings: ServerSettings
) -> None:
    node_ports = {IPFamily.IPV4: NodePortAddresses(None, ("192.0.2.0/24",))}
    node = published(health_checks=checks({30000: 1}), node_ports=node_ports)
    with namespace.entered(), serving(node, settings, CLOCK):
        namespace.ip("addr add 192.0.2.77/32 dev lo")
        for address in ("192.0.2.1", "192.0.2.77"):
            assert ask(30000, address=address).status == 200
        with connected(30000, "198.51.100.1") as client:
            assert everything(client) == b""
        assert is_refused(30000, address="2001:db8::1")
    namespace.close()


@pytest.mark.kernel
def test_an_address_that_the_node_gets_later_is_served_then(
    namespace: NetworkNamespace, settings: ServerSettings
) -> None:
    node_ports = {IPFamily.IPV4: NodePortAddresses(("192.0.2.1", "203.0.113.5"))}
    node = published(health_checks=checks({30000: 1}), node_ports=node_ports)
    with namespace.entered(), serving(node, settings, CLOCK, retry_seconds=0.01) as servers:
        assert ask(30000, address="192.0.2.1").status == 200
        assert "203.0.113.5:30000: Cannot assign requested address" in servers.problems[0].message()
        namespace.ip("addr add 203.0.113.5/32 dev lo")
        wait_until(lambda: not servers.problems)
        assert ask(30000, address="203.0.113.5").status == 200
    namespace.close()


@pytest.mark.kernel
def test_link_local_addresses_are_compared_without_their_interface(
    namespace: NetworkNamespace, settings: ServerSettings
) -> None:
    namespace.ip("link add wire type veth peer name other", "link set wire up", "link set other up")
    namespace.ip("addr add fe80::1/64 dev wire nodad", family=6)
    namespace.wait_until_local("fe80::1")
    node_ports = {IPFamily.IPV6: NodePortAddresses(None, ("fe80::/64",))}
    node = published(health_checks=checks({30000: 1}), node_ports=node_ports)
    with namespace.entered(), serving(node, settings, CLOCK):
        assert ask(30000, address="fe80::1%wire").status == 200
    namespace.close()
