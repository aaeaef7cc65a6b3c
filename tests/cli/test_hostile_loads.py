"""What is printed for hostile input that is accepted loads, and holds nothing but svcc's own tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svcc import (
    Cluster,
    ClusterSettings,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Node,
    NodeAddress,
    Service,
    ServiceCIDR,
    ServicePort,
    SvccError,
    compile,  # noqa: A004  (the public name)
)
from tests.cli.command import svcc
from tests.cli.hostile import POISON, mutated, rich_cluster
from tests.cli.manifests import Manifest, text
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

COMMAND = re.compile(r"table (ip|ip6) svcc \{|flush table (ip|ip6) svcc|flush (set|map|chain) (ip|ip6) svcc [a-z-]+")


@pytest.fixture(scope="module")
def namespace() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace()
    yield made
    made.close()


def loads(namespace: NetworkNamespace, script: str) -> None:
    """The script is accepted as it is, and touches svcc's own tables only."""
    commands = [line for line in script.splitlines() if line and not line.startswith(("\t", "}", "#"))]
    assert all(COMMAND.fullmatch(line) for line in commands), commands
    checked = namespace.run("nft", "-c", "-f", "-", text=script)
    assert checked.returncode == 0, checked.stderr


in_kernel = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@in_kernel
@given(items=mutated())
def test_what_is_printed_for_changed_manifests_loads(namespace: NetworkNamespace, items: list[Manifest]) -> None:
    outcome = svcc("compile", "-f", "-", "--node", "worker-1", stdin=json.dumps(items))
    if outcome.code == 0:
        loads(namespace, outcome.out)


def poisoned(poison: str) -> list[Manifest]:
    """The cluster with poison wherever the API takes any text."""
    items = rich_cluster()
    sticky, _other, hinted, _, worker, _ = items
    sticky["metadata"]["annotations"] = {"note": poison, "kubectl.kubernetes.io/last-applied-configuration": poison}
    sticky["metadata"]["managedFields"] = [{"manager": poison}]
    sticky["spec"]["externalName"] = poison
    hinted["metadata"]["annotations"] = {"note": poison}
    hinted["endpoints"][0]["targetRef"]["name"] = poison
    hinted["endpoints"][0]["targetRef"]["uid"] = poison
    worker["metadata"]["annotations"] = {"note": poison}
    worker["status"]["nodeInfo"] = {"kernelVersion": poison, "architecture": poison}
    return items


@pytest.mark.parametrize("poison", POISON)
def test_poison_that_the_api_accepts_does_not_reach_nft(namespace: NetworkNamespace, poison: str) -> None:
    outcome = svcc("compile", "-f", "-", "--node", "worker-1", stdin=json.dumps(poisoned(poison)))
    assert outcome.code == 0
    assert outcome.out == svcc("compile", "-f", "-", "--node", "worker-1", stdin=json.dumps(rich_cluster())).out
    loads(namespace, outcome.out)


@pytest.mark.parametrize("poison", POISON)
def test_poison_in_the_nodes_name_stays_in_the_comment(namespace: NetworkNamespace, poison: str) -> None:
    script = compile([Service("web", cluster_ips=["10.96.0.10"], ports=[ServicePort(80)])], node=poison).script
    assert len(script.splitlines()) == len(
        compile([Service("web", cluster_ips=["10.96.0.10"], ports=[ServicePort(80)])]).script.splitlines()
    )
    loads(namespace, script)


@pytest.mark.parametrize("name", ["a", "-", "=", "@", "+", ".", "_", "0", "eth0.4", "veth-@=+_.x", "lo:", "a" * 15])
@pytest.mark.parametrize("mode", ["BridgeInterface", "InterfaceNamePrefix"])
def test_an_interface_that_is_accepted_loads(namespace: NetworkNamespace, mode: str, name: str) -> None:
    flag = "--pod-bridge-interface" if mode == "BridgeInterface" else "--pod-interface-name-prefix"
    outcome = svcc("compile", "-f", "-", "--detect-local-mode", mode, f"{flag}={name}", stdin=text(rich_cluster()))
    if outcome.code == 0:
        loads(namespace, outcome.out)
    else:
        assert f"{name!r} is not an interface name" in outcome.err


poison = st.sampled_from(POISON)
numbers = st.sampled_from([0, -1, 80, 65536, 2**40, "80", "80; flush ruleset", None, 1.5, True])
addresses = (
    st.sampled_from(["10.96.0.10", "10.96.0.11", "fd00:96::10", "::ffff:1.2.3.4", "0.0.0.0", "None", ""]) | poison
)
names = st.sampled_from(["web", "web-1", "a" * 63]) | poison
service_ports = st.builds(ServicePort, numbers, names, node_port=numbers)
model_services = st.builds(
    Service,
    names,
    names,
    cluster_ips=st.lists(addresses, max_size=3),
    ports=st.lists(service_ports, max_size=3),
    external_ips=st.lists(addresses, max_size=2),
    session_affinity=st.sampled_from(["None", "ClientIP"]),
    session_affinity_timeout_seconds=numbers,
    load_balancer_source_ranges=st.lists(addresses | st.just("10.0.0.0/8"), max_size=2),
    labels=st.dictionaries(names, names, max_size=2),
    annotations=st.dictionaries(names, names, max_size=2),
    creation_timestamp=st.none() | poison,
    type=st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
)
model_slices = st.builds(
    EndpointSlice,
    names,
    names,
    service_name=names,
    endpoints=st.lists(st.builds(Endpoint, st.lists(addresses, min_size=1, max_size=2), node_name=names), max_size=3),
    ports=st.lists(st.builds(EndpointPort, numbers, names), max_size=2),
)
model_nodes = st.builds(
    Node,
    names,
    addresses=st.lists(st.builds(NodeAddress, addresses), max_size=2),
    pod_cidrs=st.lists(addresses, max_size=2),
)
model_ranges = st.builds(ServiceCIDR, names, cidrs=st.lists(addresses | st.just("10.96.0.0/16"), max_size=2))


@in_kernel
@given(objects=st.lists(model_services | model_slices | model_nodes | model_ranges, max_size=5), node_name=names)
def test_objects_made_in_python_are_judged_too(namespace: NetworkNamespace, objects: list[Any], node_name: str) -> None:
    loads(namespace, compile(objects, node=node_name).script)


@in_kernel
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "service_cidrs": st.lists(addresses | st.just("10.0.0.0/8"), max_size=3),
            "cluster_cidrs": st.lists(addresses | st.just("10.244.0.0/16"), max_size=3),
            "nodeport_addresses": st.lists(addresses | st.just("primary"), max_size=2),
            "local_addresses": st.lists(addresses, max_size=2),
            "masquerade_bit": st.sampled_from([0, 31, 32, -1]),
            "detect_local_mode": st.sampled_from(["BridgeInterface", "InterfaceNamePrefix", "NodeCIDR", "None"]),
            "pod_bridge_interface": names,
            "pod_interface_name_prefix": names,
            "service_proxy_name": names,
        },
    )
)
def test_settings_are_refused_or_load(namespace: NetworkNamespace, values: dict[str, Any]) -> None:
    sticky = Service(
        "web", cluster_ips=["10.96.0.10"], session_affinity="ClientIP", ports=[ServicePort(80, node_port=30080)]
    )
    web = EndpointSlice("web-1", service_name="web", endpoints=[Endpoint(["10.244.0.5"])], ports=[EndpointPort(80)])
    try:
        script = compile([attrs.evolve(sticky, type="NodePort"), web], settings=ClusterSettings(**values)).script
    except SvccError as error:
        assert error.exit_code == 2  # noqa: PT017  (either outcome is fine; this one has a code)
    else:
        loads(namespace, script)


def test_the_same_object_given_twice_from_python_loads(namespace: NetworkNamespace) -> None:
    web = Service("web", cluster_ips=["10.96.0.10"], session_affinity="ClientIP", ports=[ServicePort(80)])
    endpoints = EndpointSlice("w", service_name="web", endpoints=[Endpoint(["10.244.0.5"])], ports=[EndpointPort(80)])
    loads(namespace, compile(Cluster.of([web, web, endpoints, endpoints])).script)
