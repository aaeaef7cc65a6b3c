"""How many operations a change takes, tidying included: never more than kube-proxy's, and the same beside any number.

The steps, and kube-proxy's numbers, are those that its own tests assert (one port each, a chain per endpoint).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

from svcc.apply import installer
from svcc.apply.applied import Applied
from svcc.apply.installer import Installer
from svcc.apply.nft import open_nft
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from tests.declare import NODE, PODS, SERVICE_CIDRS, remote, service, slices
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

ADDED, DELETED = "add element", "delete element"
A_CHAIN = {"add chain": 1, "add rule": 3}
A_CHAIN_LESS = {"flush chain": 1, "delete chain": 1}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before tidying up."""
    monkeypatch.setattr(installer, "TIDY_AFTER_SECONDS", 0.0)


class Run:
    """A compiler and an installer in a namespace."""

    def __init__(self, namespace: NetworkNamespace, *objects: ClusterObject) -> None:
        self._namespace = namespace
        with namespace.entered():
            self.nft = open_nft()
        self.compiler = IncrementalCompiler(NODE.name, PODS)
        self.compiler.update(map(Change.to, (NODE, SERVICE_CIDRS, *objects)))
        self.installer = Installer(self.nft, keep_scripts=None)
        self.synchronize()

    def synchronize(self) -> Applied:
        with self._namespace.entered():
            return self.installer.synchronize(self.compiler.ruleset(), self.compiler.dataplane())

    def restart(self) -> None:
        self.installer = Installer(self.nft, keep_scripts=None)

    def change(self, *objects: ClusterObject, gone: Iterable[ClusterObject] = ()) -> list[Applied]:
        """What advancing and tidying up did."""
        changes = [*map(Change.to, objects), *(Change(item.reference, None) for item in gone)]
        update = self.compiler.update(changes)
        with self._namespace.entered():
            return [self.installer.advance(update), self.installer.tidy()]


def counted(done: Iterable[Applied]) -> dict[str, int]:
    """The operations of several steps together."""
    found: dict[str, int] = {}
    for each in done:
        for word, count in each.operations.items():
            found[word] = found.get(word, 0) + count
    return found


def web(*pods: int) -> list[EndpointSlice]:
    return slices("web", [remote(f"10.244.1.{number}") for number in pods])


def neighbours(count: int) -> list[ClusterObject]:
    """Services of one endpoint."""
    found: list[ClusterObject] = []
    for number in range(count):
        name = f"neighbour-{number}"
        found.append(service(name, [f"10.96.{1 + number // 250}.{1 + number % 250}"]))
        found += slices(name, [remote(f"10.244.{2 + number // 250}.{1 + number % 250}")])
    return found


WEB = service("web", ["10.96.0.1"])


def test_changes_take_no_more_operations_than_those_of_kube_proxy(namespace: NetworkNamespace) -> None:
    run = Run(namespace, *neighbours(1))
    done: dict[str, Mapping[str, int]] = {}

    def step(name: str, *objects: ClusterObject, gone: Sequence[ClusterObject] = ()) -> None:
        done[name] = counted(run.change(*objects, gone=gone))

    step("add a Service with one endpoint", WEB, *web(1))
    step("delete it", gone=[WEB, *web(1)])
    step("nothing")
    step("add a Service without endpoints", WEB)
    step("its first endpoint", *web(1))
    step("replace the only endpoint", *web(2))
    step("from 1 endpoint to 2", *web(2, 3))
    step("remove both", *web(), gone=web(1))
    step("put both back", *web(2, 3))
    other = service("other", ["10.96.0.2"])
    others: list[ClusterObject] = [other, *slices("other", [remote("10.244.1.9")])]
    run.compiler.update(map(Change.to, others))
    run.restart()
    done["restart, and a Service is new"] = counted([run.synchronize(), run.installer.tidy()])
    assert done == {
        # The frontend, its endpoint, and the cluster IP; kube-proxy takes 10, 4 and 2 later, and 0.
        "add a Service with one endpoint": {ADDED: 3},
        "delete it": {DELETED: 3},
        "nothing": {},
        # kube-proxy takes 2.
        "add a Service without endpoints": {ADDED: 2},
        # kube-proxy takes 10, then 9.
        "its first endpoint": {ADDED: 2, DELETED: 1},
        "replace the only endpoint": {ADDED: 1, DELETED: 1},
        # kube-proxy takes 12. The chain that draws one of two, and its number, are for all Services that have two.
        "from 1 endpoint to 2": {ADDED: 4, DELETED: 2, **A_CHAIN},
        # kube-proxy takes 5, and 3 later for the chains of the Service and of its endpoints; then 14.
        "remove both": {ADDED: 1, DELETED: 4, **A_CHAIN_LESS},
        "put both back": {ADDED: 4, DELETED: 1, **A_CHAIN},
        # kube-proxy takes 14 and its setup.
        "restart, and a Service is new": {ADDED: 3},
    }


def test_a_number_of_endpoints_that_others_have_needs_no_chain(namespace: NetworkNamespace) -> None:
    pair = service("pair", ["10.96.0.9"])
    pods = slices("pair", [remote("10.244.1.7"), remote("10.244.1.8")])
    run = Run(namespace, WEB, *web(2), pair, *pods, *neighbours(1))
    assert counted(run.change(*web(2, 3))) == {ADDED: 3, DELETED: 2}
    assert counted(run.change(*web(2))) == {ADDED: 2, DELETED: 3}


def everywhere() -> Service:
    """A Service with three frontends."""
    return service(
        "web",
        ["10.96.0.1"],
        ServicePort(80, "http", node_port=30080),
        type="LoadBalancer",
        load_balancer_ingress=[LoadBalancerIngress("198.18.0.1")],
    )


@pytest.mark.parametrize("count", [2, 3, 10])
def test_an_endpoint_that_is_replaced_changes_two_elements_for_each_slot_that_moves(
    namespace: NetworkNamespace, count: int
) -> None:
    """Slots depend on nothing but who serves, so a few others may move with the one that is replaced.

    So a restart finds what it would install, and all nodes are alike. kube-proxy takes 4(N+1) for each service port,
    and more for frontends; here it is 2N for each frontend at most, and much less on average.
    """
    run = Run(namespace, everywhere(), *web(*range(1, count + 1)))
    moved = []
    serving = list(range(1, count + 1))
    for new in range(count + 1, count + 21):
        serving[new % count] = new
        found = counted(run.change(*web(*serving)))
        assert found.keys() == {ADDED, DELETED}
        assert found[ADDED] == found[DELETED]
        slots, rest = divmod(found[ADDED], 3)
        assert rest == 0
        assert 1 <= slots <= count
        moved.append(slots)
    assert sum(moved) / len(moved) < 1 + count / 2


CHANGES: Mapping[str, Sequence[ClusterObject]] = {
    "an endpoint is replaced": web(1, 2, 4),
    "an endpoint comes": web(1, 2, 3, 4),
    "all endpoints go": web(),
    "a frontend comes": [everywhere()],
    "affinity begins": [service("web", ["10.96.0.1"], session_affinity="ClientIP")],
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_the_same_beside_ten_services_and_beside_a_thousand(case: str) -> None:
    scripts = []
    for count in (10, 1000):
        namespace = NetworkNamespace()
        try:
            run = Run(namespace, WEB, *web(1, 2, 3), *neighbours(count))
            gone = () if CHANGES[case] else web(1)
            done = run.change(*CHANGES[case], gone=gone)
            scripts.append([step.script for each in done for step in each.transactions])
        finally:
            namespace.close()
    assert scripts[0] == scripts[1]
    assert scripts[0]


def test_a_node_keeps_pick_chains_that_nobody_uses_until_somebody_does(namespace: NetworkNamespace) -> None:
    # A new rule has the kernel walk all endpoints, so a number of endpoints that comes and goes must not make one.
    def web(count: int) -> list[Change]:
        endpoints = [remote(f"10.244.1.{n}") for n in range(1, count + 1)]
        return [Change.to(service("web", ["10.96.0.10"])), *map(Change.to, slices("web", endpoints))]

    run = Run(namespace)
    run.installer = Installer(run.nft, keep_scripts=None, keep_pick_chains=True)
    run.compiler.update(web(3))
    run.synchronize()
    with namespace.entered():
        done = []
        for count in (2, 3, 2, 3):
            done.append(run.installer.advance(run.compiler.update(web(count))))
            done.append(run.installer.tidy())
    added = [each.operations.get("add chain", 0) for each in done]
    assert added == [1, 0, 0, 0, 0, 0, 0, 0]
    assert sum(each.operations.get("delete chain", 0) for each in done) == 0
    assert not run.installer.tidy()
    run.installer = Installer(run.nft, keep_scripts=None, keep_pick_chains=True)
    assert not run.synchronize(), "a restart finds what it would have kept"
    with namespace.entered():
        again = [run.installer.advance(run.compiler.update(web(count))) for count in (2, 3)]
    assert [each.operations.get("add chain", 0) for each in again] == [0, 0]
