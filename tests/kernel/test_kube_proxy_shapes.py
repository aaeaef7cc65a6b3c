"""The rulesets in kube-proxy's shape do to packets what the plain model says, in every layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.dataplane.contract import ServicePortName
from svcc.model.service import Protocol
from svcc.select import EndpointAddress
from tests.declare import compiled, local, remote, service, slices
from tests.kernel.agreement import agrees, sent
from tests.kernel.network import Node
from tests.kernel.nft_versions import Program
from tests.kube_proxy import DISTINCT_LAYOUTS, LAYOUTS, kube_proxy_ruleset, layout_of
from tests.kube_proxy.differences import as_kube_proxy_reads, differs_on_purpose
from tests.kube_proxy.names import chain_name, endpoint_chain_name
from tests.kube_proxy.record import DATA, listed, shop_ruleset
from tests.oracle import Packet, decide
from tests.strategies.plan import IPV4, IPV6, POD_RANGE
from tests.strategies.scenarios import Scenario, packets, scenarios

EXAMPLES_A_LAYOUT = 15
PACKETS_A_CLUSTER = 30
CLUSTERS_COUNTED = 150
PACKETS_COUNTED = 5
TRIES = 3
TABLES = "delete table ip kube-proxy; delete table ip6 kube-proxy"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    prefixes = [POD_RANGE[IPV4], POD_RANGE[IPV6]]
    with Node(pod_addresses=("10.244.1.1", "fd00:244:1::1"), pod_prefixes=prefixes) as made:
        yield made


@st.composite
def journeys(draw: st.DrawFn, count: int) -> tuple[Scenario, list[Packet]]:
    scenario = as_kube_proxy_reads(draw(scenarios()))
    return scenario, draw(st.lists(packets(scenario), min_size=count, max_size=count))


@pytest.mark.kernel
@pytest.mark.long
@pytest.mark.timeout(900)  # time to shrink a disagreement
@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_every_layout_does_what_the_model_says(node: Node, layout: str) -> None:
    @settings(
        max_examples=EXAMPLES_A_LAYOUT,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(journey=journeys(PACKETS_A_CLUSTER), leftovers=st.sampled_from((0, 2)))
    def agree(journey: tuple[Scenario, list[Packet]], leftovers: int) -> None:
        scenario, offered = journey
        text = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=leftovers)
        note(text)
        extra = [each for each in scenario.settings.local_addresses if each not in node.addresses]
        for address in extra:
            node.address_add(address)
        try:
            node.load(text)
            outcomes = iter(node.send_many(sent(packet) for packet in offered for _ in range(TRIES)))
            for packet in offered:
                found = [next(outcomes) for _ in range(TRIES)]
                expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
                if differs_on_purpose(scenario, packet, expected, layout):
                    continue
                for outcome in found:
                    assert agrees(packet, outcome, expected), f"{packet}\nkernel: {outcome}\nmodel: {expected}"
        finally:
            node.nft(TABLES)
            for address in extra:
                node.address_del(address)

    agree()


def test_little_is_left_out_of_that() -> None:
    """The list of differences is to stay a short one; of a few clusters, one with many would be too large a share."""
    left_out: Counter[str] = Counter()

    @settings(max_examples=CLUSTERS_COUNTED, suppress_health_check=list(HealthCheck))
    @given(journey=journeys(PACKETS_COUNTED))
    def count(journey: tuple[Scenario, list[Packet]]) -> None:
        scenario, offered = journey
        for packet in offered:
            expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
            left_out.update(
                layout for layout in DISTINCT_LAYOUTS if differs_on_purpose(scenario, packet, expected, layout)
            )

    count()
    assert all(count * 10 < CLUSTERS_COUNTED * PACKETS_COUNTED for count in left_out.values()), left_out


@pytest.mark.kernel
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_release_loads_with_every_nft(node: Node, nft: Program, layout: str) -> None:
    endpoints = [local("10.244.1.2"), remote("10.244.2.2"), local("fd00:244:1::2")]
    dataplane = compiled(service("web", ["10.96.0.1", "fd00:96::1"]), slices("web", endpoints)).dataplane
    try:
        node.load(kube_proxy_ruleset(dataplane, layout=layout, leftovers=1), nft)
        assert "kube-proxy" in node.nft("list", "tables", nft=nft)
    finally:
        node.nft("flush", "ruleset", nft=nft)


def test_names_are_those_of_kube_proxy() -> None:
    name = ServicePortName("ns1", "svc1", "p80", Protocol.TCP)
    assert chain_name("service-", name) == "service-ULMVA6XW-ns1/svc1/tcp/p80"
    address = EndpointAddress("fd00::1", 80)
    assert endpoint_chain_name(name, address).endswith("-ns1/svc1/tcp/p80__fd00..1/80")
    long = chain_name("external-", name._replace(service="s" * 253))
    assert len(long) == 240
    assert long.endswith("...")


def test_an_unknown_release_has_no_layout() -> None:
    with pytest.raises(ValueError, match=r"no layout of Kubernetes 1\.28: choose from 1\.29"):
        layout_of("1.28")


@pytest.mark.kernel
@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_the_recorded_listings_are_of_what_is_generated(nft: Program, layout: str) -> None:
    recorded = DATA / layout / f"{'.'.join(map(str, nft.version))}.txt"
    if not recorded.exists():
        pytest.skip(f"nothing is recorded of nft {nft.version_text}")
    # The kernel lists elements in the order of its hash tables, so that only the words can be compared.
    assert words(listed(shop_ruleset(layout), nft)) == words(recorded.read_text())


def words(text: str) -> list[str]:
    return sorted(re.findall(r"[^\s,{}]+", text))
