"""S51: is the process alive, may balancers count on the node; over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from svcc.errors import SettingsError
from svcc.node.listeners import TcpPlace
from svcc.node.servers import NodeServers, ServerSettings, bind_address
from svcc.node.state import DELETION_TAINT, Eligibility, Published, SourceState, Sync, SyncKind
from tests.node.asking import Answer, ask, serving
from tests.node.states import START, StandingClock, published

PROBES, METRICS = TcpPlace("127.0.0.1", 0), TcpPlace("127.0.0.2", 0)
TIMEOUT = 60.0


class Node:
    def __init__(self, servers: NodeServers, node: Published, time: StandingClock) -> None:
        self.servers, self.node, self.time = servers, node, time

    def ask(self, path: str, **options: str) -> Answer:
        return ask(self.servers.port_of(PROBES) or 0, path, **options)

    def queue(self) -> None:
        self.node.state = attrs.evolve(self.node.state, queued_since=self.time.monotonic)

    def succeed(self) -> None:
        sync = Sync(SyncKind.PARTIAL, START + self.time.seconds, 0.001)
        self.node.state = attrs.evolve(self.node.state, queued_since=None, last_success=sync)


@pytest.fixture
def node(runtime_directory: Path) -> Iterator[Node]:
    time, state = StandingClock(), published()
    settings = ServerSettings(PROBES, METRICS, runtime_directory, TIMEOUT)
    with serving(state, settings, time.clock()) as servers:
        yield Node(servers, state, time)


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_a_node_lives_before_its_first_update_and_however_long_nothing_changes(node: Node, path: str) -> None:
    assert node.ask(path).status == 200
    node.succeed()
    node.time.seconds = 1e6
    assert node.ask(path).status == 200


def test_a_node_lives_however_long_it_waits_for_files_to_be_mended(node: Node) -> None:
    node.queue()
    node.node.state = attrs.evolve(node.node.state, source=SourceState("files", awaited=("a.yaml",)))
    node.time.seconds = 2 * TIMEOUT
    assert node.ask("/livez").status == 200


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_an_update_that_waits_longer_than_the_timeout_is_unhealthy_until_one_succeeds_s51(
    node: Node, path: str
) -> None:
    node.queue()
    node.time.seconds = TIMEOUT
    assert node.ask(path).status == 200
    node.time.seconds = TIMEOUT + 0.5
    assert node.ask(path).status == 503
    node.succeed()
    assert node.ask(path).status == 200


@pytest.mark.parametrize(
    "eligibility", [Eligibility(is_being_deleted=True), Eligibility(taints=("other", DELETION_TAINT))]
)
def test_a_node_that_will_go_is_alive_but_not_to_be_counted_on(node: Node, eligibility: Eligibility) -> None:
    node.node.state = attrs.evolve(node.node.state, eligibility=eligibility)
    assert node.ask("/livez").status == 200
    answer = node.ask("/healthz")
    assert answer.status == 503
    assert json.loads(answer.body)["nodeEligible"] is False


def test_other_taints_keep_nobody_away(node: Node) -> None:
    node.node.state = attrs.evolve(node.node.state, eligibility=Eligibility(taints=("node.kubernetes.io/not-ready",)))
    assert node.ask("/healthz").status == 200


def test_the_bodies_tell_the_time_and_that_of_the_last_update(node: Node) -> None:
    node.time.seconds = 10
    node.succeed()
    node.queue()
    node.time.seconds = 20.25
    now = "2027-01-15T08:00:20.250Z"
    healthz, livez = node.ask("/healthz"), node.ask("/livez")
    # While all is well kube-proxy calls the present the last update, and so do those who watch it.
    assert json.loads(healthz.body) == {"lastUpdated": now, "currentTime": now, "nodeEligible": True}
    assert json.loads(livez.body) == {"lastUpdated": now, "currentTime": now}
    assert healthz.headers["Content-Type"] == livez.headers["Content-Type"] == "application/json"
    assert healthz.headers["X-Content-Type-Options"] == "nosniff"
    node.time.seconds = 100
    late = json.loads(node.ask("/livez").body)
    assert late == {"lastUpdated": "2027-01-15T08:00:10.000Z", "currentTime": "2027-01-15T08:01:40.000Z"}


def test_there_is_nothing_else_and_nothing_can_be_written(node: Node) -> None:
    assert node.ask("/").status == 404
    assert node.ask("/metrics").status == 404
    assert node.ask("/livez", method="POST").status == 405
    assert node.ask("/livez", method="HEAD") == attrs.evolve(node.ask("/livez"), body="")


def test_metrics_have_an_address_of_their_own(node: Node) -> None:
    answer = ask(node.servers.port_of(METRICS) or 0, "/metrics", address="127.0.0.2")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "\nsvcc_services 0.0\n" in answer.body
    assert ask(node.servers.port_of(METRICS) or 0, "/livez", address="127.0.0.2").status == 404


def test_scrapers_that_want_open_metrics_get_it(node: Node) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = ask(node.servers.port_of(METRICS) or 0, "/metrics", address="127.0.0.2", headers=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith("# EOF\n")


def test_every_address_means_those_of_both_families(runtime_directory: Path) -> None:
    # Port 0 is another number in each family.
    settings = ServerSettings(TcpPlace("0.0.0.0", 0), None, runtime_directory)
    with serving(published(), settings, StandingClock().clock()) as servers:
        assert servers.problems == ()
        for any_address, address in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):
            port = servers.port_of(TcpPlace(any_address, 0))
            assert ask(port or 0, "/livez", address=address).status == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:10256", TcpPlace("0.0.0.0", 10256)),
        ("0.0.0.0", TcpPlace("0.0.0.0", 7)),
        ("[::]:10256", TcpPlace("::", 10256)),
        ("::1", TcpPlace("::1", 7)),
        (":80", TcpPlace("0.0.0.0", 80)),
        ("", None),
    ],
)
def test_addresses_to_listen_on_are_written_as_for_kube_proxy(text: str, expected: TcpPlace | None) -> None:
    assert bind_address(text, 7) == expected


@pytest.mark.parametrize(
    "text", ["localhost:80", "1.2.3.4:70000", "1.2.3.4:x", "[1.2.3.4]:80", "[::1]", "1.2.3:80", "/"]
)
def test_what_is_no_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        bind_address(text, 7)
