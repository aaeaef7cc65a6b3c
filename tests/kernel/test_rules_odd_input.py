"""Names of every sort, and the limits of nft and the kernel (S46 and S47), by packets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import cache

import pytest
from attrs import evolve

from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from svcc.nft.objects import BaseHook, Chain, Rule, Ruleset, Table
from svcc.nft.statements import Statement, Verdict, VerdictMap
from svcc.nft.text import script
from tests.declare import NODE, local, remote, service, slices
from tests.kernel.callers import REJECTED, ask, backed, everywhere, install, whom
from tests.kernel.network import NftError, Node
from tests.kernel.plans import CALLERS, IPV4, IPV6, NODE_PORT, Plan, both_families

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


HOSTILE = {
    "the longest legal": "n" * 63,
    "longer than any": "x" * 5000,
    "empty": "",
    "quote": 'a"',
    "quote and command": '" ; flush ruleset ; "',
    "end of a block": "} } ; flush ruleset",
    "lines": "a\nflush ruleset\nadd table ip owned\n",
    "carriage return": "a\rflush ruleset",
    "comment": "a # b",
    "backslash": "a\\",
    "variable": "$a @b %s {0}",
    "NUL": "a\0b",
    "control characters": "\x1b[31m\x07\x7f",
    "another script": "\u4e16\u754c \u202e\u0661",
    "lone surrogate": "a\ud800b",
    "spaces": "  ",
    "slashes": "a/b/c",
    "keyword": "accept",
    "number": "0",
}


@pytest.mark.parametrize("affinity", ["None", "ClientIP"])
@pytest.mark.parametrize("case", HOSTILE)
def test_no_name_breaks_a_script_or_gets_out_of_it_s46(node: Node, affinity: str, case: str) -> None:
    text = HOSTILE[case]
    odd = Service(
        text,
        text,
        cluster_ips=[IPV4.second_cluster_ip, IPV6.second_cluster_ip],
        ports=[ServicePort(80, text, app_protocol=text)],
        session_affinity=affinity,
        labels={text: text},
        annotations={text: text},
        selector={text: text},
        external_name=text,
        creation_timestamp=text,
        external_traffic_policy="Local",
        external_ips=[text, IPV4.second_vip, IPV6.second_vip],
    )
    objects: list[Service | EndpointSlice] = [odd]
    for plan in (IPV4, IPV6):
        endpoint = Endpoint([plan.also_here, text], node_name=NODE.name, hostname=text, zone=text)
        objects.append(
            EndpointSlice(
                f"{plan.word}{text}",
                text,
                service_name=text or None,
                address_type=plan.family.value,
                endpoints=[endpoint, remote(text)],
                ports=[EndpointPort(8080, text)],
                labels={text: text},
            )
        )
    plain = evolve(everywhere(IPV4), cluster_ips=[IPV4.cluster_ip, IPV6.cluster_ip])
    install(node, plain, backed([local(IPV4.here), local(IPV6.here)]), objects)
    assert tables(node) == {("ip", "svcc"), ("ip6", "svcc")}
    for plan, caller in itertools.product((IPV4, IPV6), CALLERS):
        assert whom(ask(node, plan, caller, plan.cluster_ip)) == {plan.here}
        # A slice must say whose it is.
        expected = {plan.also_here} if text else {REJECTED}
        for address in (plan.second_cluster_ip, plan.second_vip):
            assert whom(ask(node, plan, caller, address)) == expected


def tables(node: Node) -> set[tuple[str, str]]:
    listed = json.loads(node.nft("-j", "list", "tables"))["nftables"]
    return {(item["table"]["family"], item["table"]["name"]) for item in listed if "table" in item}


@pytest.mark.parametrize("case", HOSTILE)
def test_no_name_of_a_node_breaks_a_script_or_gets_out_of_it_s46(node: Node, case: str) -> None:
    install(node, everywhere(IPV4), backed([remote(IPV4.there)]), on=evolve(NODE, name=HOSTILE[case]))
    assert tables(node) == {("ip", "svcc"), ("ip6", "svcc")}
    assert whom(ask(node, IPV4, "outsider", IPV4.vip)) == {IPV4.there}


@both_families
@pytest.mark.parametrize("affinity", ["None", "ClientIP"])
def test_names_of_191_characters_stop_no_service_s46(node: Node, plan: Plan, affinity: str) -> None:
    namespace, name, port = "n" * 63, "s" * 63, "p" * 63
    assert len(f"{namespace}/{name}:{port}") == 191
    # Two that differ in what is cut first only.
    objects: list[Service | EndpointSlice] = []
    addresses = {plan.second_cluster_ip: plan.here, plan.unallocated: plan.also_here}
    for last, (cluster_ip, address) in zip("ab", addresses.items(), strict=True):
        port_name = port[:-1] + last
        objects.append(
            Service(
                name,
                namespace[:-1] + last,
                cluster_ips=[cluster_ip],
                ports=[ServicePort(80, port_name)],
                session_affinity=affinity,
            )
        )
        objects.append(
            EndpointSlice(
                f"{name}-1",
                namespace[:-1] + last,
                service_name=name,
                address_type=plan.family.value,
                endpoints=[local(address)],
                ports=[EndpointPort(8080, port_name)],
            )
        )
    install(node, everywhere(plan), backed([local(plan.there)]), objects)
    for cluster_ip, address in {**addresses, plan.cluster_ip: plan.there}.items():
        assert whom(ask(node, plan, "pod", cluster_ip)) == {address}


@both_families
def test_names_that_look_alike_to_nft_are_still_two_s46(node: Node, plan: Plan) -> None:
    # Each is a sticky service port, so each has chains that are named after it.
    names = ["a/b", "a_b", "a b", "a\nb"]
    cluster_ips = [plan.cluster_ip, plan.second_cluster_ip, plan.vip, plan.second_vip]
    addresses = [plan.here, plan.also_here, plan.there, plan.also_there]
    objects: list[Service | EndpointSlice] = []
    for name, cluster_ip in zip(names, cluster_ips, strict=True):
        objects.append(service(name, [cluster_ip], session_affinity="ClientIP"))
        objects.extend(slices(name, map(remote, addresses)))
    install(node, objects)
    prefix = plan.outsider[:-1]
    remembered = []
    for client in (f"{prefix}{number}" for number in range(10, 50)):
        found = [ask(node, plan, "outsider", cluster_ip, source=client, times=3) for cluster_ip in cluster_ips]
        assert {len(each) for each in found} == {1}
        remembered.append([whom(each) for each in found])
    # Nobody goes where another of them was remembered to go.
    for one, two in itertools.combinations(range(len(names)), 2):
        assert any(found[one] != found[two] for found in remembered), (names[one], names[two])


def targets(table: Table, statement: Statement) -> Iterable[str]:
    """The chains that a statement may lead to."""
    if isinstance(statement, Verdict):
        return [statement.target] if statement.target else []
    if isinstance(statement, VerdictMap):
        (found,) = (item for item in table.sets if item.name == statement.map_name)
        return {data.target for _key, data in found.elements if isinstance(data, Verdict) and data.target}
    return []


def deepest(table: Table) -> int:
    """The longest way from a base chain, in jumps and gotos, both of which the kernel counts when it loads."""
    chains = {chain.name: chain for chain in table.chains}

    @cache
    def depth(name: str) -> int:
        found = (
            each for rule in chains[name].rules for statement in rule.statements for each in targets(table, statement)
        )
        return max((1 + depth(each) for each in set(found)), default=0)

    return max(depth(chain.name) for chain in table.chains if chain.hook)


@pytest.mark.parametrize("word", ["jump", "goto"])
def test_the_depth_is_measured_as_the_kernel_does_s47(node: Node, word: str) -> None:
    def nested(depth: int) -> Table:
        hook = BaseHook("filter", "input", 0)
        chains = [Chain(f"c{number}", (Rule((Verdict(word, f"c{number + 1}"),)),)) for number in range(1, depth)]
        base = Chain("base", (Rule((Verdict(word, "c1"),)),), hook)
        return Table("ip", "deep", (), (base, *chains, Chain(f"c{depth}", ())))

    for depth, loads in ((15, True), (16, False)):
        assert deepest(nested(depth)) == depth
        node.reset()
        text = "".join(script(Ruleset((nested(depth),))))
        with nullcontext() if loads else pytest.raises(NftError, match="Too many links"):
            node.load(text)
    node.reset()


@both_families
def test_chains_never_nest_as_deep_as_the_kernel_forbids_s47(node: Node, plan: Plan) -> None:
    objects: list[Service | EndpointSlice] = []
    for number, (affinity, internal, external) in enumerate(
        itertools.product(["None", "ClientIP"], ["Cluster", "Local"], ["Cluster", "Local"])
    ):
        for count in (0, 1, 2, 3):
            name = f"web-{number}-{count}"
            unique = 10 * number + count + 1
            ports = [ServicePort(80, "http", each, node_port=NODE_PORT + unique) for each in Protocol]
            objects.append(
                service(
                    name,
                    [f"{plan.cluster_ip[:-1]}{unique}"],
                    *ports,
                    type="LoadBalancer",
                    session_affinity=affinity,
                    internal_traffic_policy=internal,
                    external_traffic_policy=external,
                    load_balancer_ingress=[LoadBalancerIngress(f"{plan.vip[:-1]}{unique}")],
                    load_balancer_source_ranges=[f"{plan.outsider}/{plan.bits}"],
                )
            )
            endpoints = [local(plan.here), remote(plan.there), local(plan.also_here)][:count]
            objects.extend(each for each in backed(endpoints, *Protocol, name=name) if isinstance(each, EndpointSlice))
    compilation = install(node, objects)
    for table in compilation.ruleset.tables:
        assert 1 < deepest(table) < 16
