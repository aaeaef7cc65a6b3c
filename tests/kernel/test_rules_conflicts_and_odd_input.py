"""Two Services for one frontend, names of every sort, and the limits of nft and the kernel (S45 to S47)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import cache

import pytest
from attrs import evolve

from svcc.fields import ProblemKind
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from svcc.nft.objects import BaseHook, Chain, Rule, Ruleset, Table
from svcc.nft.statements import Statement, Verdict, VerdictMap
from svcc.nft.text import script
from tests.declare import NODE, local, remote, service, slices
from tests.kernel.callers import (
    CALLERS,
    EXTERNAL,
    IPV4,
    IPV6,
    NODE_PORT,
    REJECTED,
    Kind,
    Plan,
    Reached,
    ask,
    backed,
    both_families,
    each_kind,
    everywhere,
    install,
    survey,
    whom,
)
from tests.kernel.network import NftError, Node

pytestmark = pytest.mark.kernel

OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def rival(plan: Plan, kind: Kind, *protocols: Protocol, name: str = "rival") -> Service:
    """A Service that claims one frontend of `everywhere`, and has the second VIP to itself."""
    wanted = plan.vip if kind == "VIP" else plan.second_vip
    node_port = NODE_PORT if kind == "node port" else 0
    return service(
        name,
        [plan.cluster_ip if kind == "cluster IP" else plan.second_cluster_ip],
        *(ServicePort(80, "http", each, node_port=node_port) for each in protocols or (Protocol.TCP,)),
        type="LoadBalancer",
        external_ips=[plan.external_ip] if kind == "external IP" else [],
        load_balancer_ingress=[LoadBalancerIngress(address) for address in {wanted, plan.second_vip}],
    )


@both_families
@each_kind
@pytest.mark.parametrize("rival_is_older", [True, False])
def test_the_older_of_two_services_has_the_frontend_s45(
    node: Node, plan: Plan, kind: Kind, rival_is_older: bool
) -> None:
    one = evolve(everywhere(plan, *Protocol), creation_timestamp=NEW if rival_is_older else OLD)
    two = evolve(rival(plan, kind, *Protocol), creation_timestamp=OLD if rival_is_older else NEW)
    endpoints = [*backed([local(plan.here)], *Protocol), *backed([local(plan.also_here)], *Protocol, name="rival")]
    compilation = install(node, one, two, endpoints)
    assert install(node, two, reversed(endpoints), one).script == compilation.script
    for (caller, found_kind, protocol), found in survey(node, plan, *Protocol).items():
        taken = rival_is_older and found_kind == kind
        assert whom(found) == ({plan.also_here} if taken else {plan.here}), (caller, found_kind, protocol)
        assert whom(ask(node, plan, caller, plan.second_vip, protocol=protocol)) == {plan.also_here}
    problems = [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    assert {each.kind for each in problems} == {ProblemKind.DUPLICATE}
    assert {each.object.name for each in problems if each.object} == {"web" if rival_is_older else "rival"}
    assert len(problems) == len(Protocol)


AGES = {
    "by instant, not by text": (("b", "2024-01-01T00:30:00+01:00"), ("a", "2024-01-01T00:00:00Z")),
    "a date before none": (("b", NEW), ("a", None)),
    "a date before what is none": (("b", NEW), ("a", "yesterday")),
    "by name where the dates are one": (("a", OLD), ("b", OLD)),
    "by name where there are none": (("a", None), ("b", None)),
}


@both_families
@pytest.mark.parametrize("case", AGES)
def test_there_is_one_answer_to_which_is_older_s45(node: Node, plan: Plan, case: str) -> None:
    services = [evolve(rival(plan, "VIP", name=name), creation_timestamp=created) for name, created in AGES[case]]
    endpoints = [
        *backed([local(plan.here)], name=services[0].name),
        *backed([local(plan.there)], name=services[1].name),
    ]
    scripts = set()
    for order in itertools.permutations(services):
        scripts.add(install(node, order, endpoints).script)
        for caller in CALLERS:
            assert whom(ask(node, plan, caller, plan.vip, times=3)) == {plan.here}
    assert len(scripts) == 1


@both_families
def test_a_frontend_does_not_pass_to_the_younger_when_the_older_has_no_endpoints_s45(node: Node, plan: Plan) -> None:
    older = evolve(everywhere(plan), creation_timestamp=OLD)
    for kind in EXTERNAL:
        install(node, older, rival(plan, kind), backed([local(plan.here)], name="rival"))
        for caller in CALLERS:
            assert ask(node, plan, caller, *plan.frontend(kind)) == {REJECTED}


@both_families
def test_a_claim_on_another_kind_of_frontend_is_a_conflict_as_well_s45(node: Node, plan: Plan) -> None:
    older = evolve(everywhere(plan), creation_timestamp=OLD)
    greedy = service(
        "greedy",
        [plan.external_ip],
        external_ips=[plan.vip],
        load_balancer_ingress=[LoadBalancerIngress(plan.cluster_ip)],
    )
    compilation = install(node, older, greedy, backed([local(plan.here)]), backed([local(plan.there)], name="greedy"))
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case
    assert sum(each.rule == "cluster/frontend-conflict" for each in compilation.problems) == 3


@both_families
def test_what_one_service_says_twice_is_no_conflict_s45(node: Node, plan: Plan) -> None:
    again = [plan.external_ip, plan.vip, plan.external_ip, plan.cluster_ip]
    declared = everywhere(
        plan, external_ips=again, load_balancer_ingress=[LoadBalancerIngress(address) for address in again]
    )
    compilation = install(node, evolve(declared, ports=declared.ports * 2), backed([local(plan.here)]))
    assert not [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case


@both_families
def test_another_port_another_protocol_or_a_node_ports_number_is_no_conflict_s45(node: Node, plan: Plan) -> None:
    ports = [
        ServicePort(81, "http", node_port=NODE_PORT + 1),
        ServicePort(80, "http", Protocol.UDP, node_port=NODE_PORT),
        ServicePort(NODE_PORT, "high"),
    ]
    vips = [LoadBalancerIngress(plan.vip)]
    other = service("other", [plan.second_cluster_ip], *ports, type="LoadBalancer", load_balancer_ingress=vips)
    target = [EndpointPort(1, "http"), EndpointPort(2, "http", Protocol.UDP), EndpointPort(3, "high")]
    compilation = install(
        node, everywhere(plan), backed([local(plan.here)]), other, slices("other", [local(plan.also_here)], *target)
    )
    assert not [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    for caller in CALLERS:
        assert whom(ask(node, plan, caller, plan.vip)) == {plan.here}
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT)) == {plan.here}
        for port, protocol, number in ((81, "TCP", 1), (80, "UDP", 2), (NODE_PORT, "TCP", 3)):
            assert ask(node, plan, caller, plan.vip, port, protocol) == {
                Reached(plan.also_here, number, masqueraded=True)
            }


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
    objects: list[Service | EndpointSlice] = []
    # Each is a sticky service port, so each has chains that are named after it.
    names = {"a/b": plan.here, "a_b": plan.also_here, "a b": plan.there, "a\nb": plan.also_there}
    for number, (name, address) in enumerate(names.items(), 1):
        cluster_ip = f"{plan.second_vip[:-1]}{number + 3}"
        objects.append(service(name, [cluster_ip], session_affinity="ClientIP"))
        objects.extend(slices(name, [local(address)]))
    install(node, objects)
    for number, address in enumerate(names.values(), 1):
        assert whom(ask(node, plan, "pod", f"{plan.second_vip[:-1]}{number + 3}")) == {address}


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
