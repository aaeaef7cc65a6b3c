"""What `maglev_of` says of a client is what the evaluator says of its packets, for every hash key and family."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from svcc.addresses import IPFamily
from svcc.compiler.balancing import maglev_of
from svcc.dataplane.contract import Decision
from svcc.model.balancing import HashKey
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.service import Protocol, ServicePort
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet
from tests.declare import compiled, service, slices

CLIENTS = 300
SERVICE = {IPFamily.IPV4: "10.96.0.50", IPFamily.IPV6: "fd00:96::50"}
FIRST_CLIENT = {IPFamily.IPV4: "198.51.100.1", IPFamily.IPV6: "2001:db8:1:2::ff00"}
PODS = {IPFamily.IPV4: "10.244.1.", IPFamily.IPV6: "fd00:244::1"}
WEIGHTS = (3, None, 0, 2, None)


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("key", list(HashKey))
@pytest.mark.parametrize("family", list(IPFamily))
def test_lookup_and_evaluator_name_the_same_endpoint_s23(
    family: IPFamily, key: HashKey, protocol: Protocol, *, big_endian: bool
) -> None:
    pods = [Endpoint([f"{PODS[family]}{number}"], weight=weight) for number, weight in enumerate(WEIGHTS, 1)]
    annotations = {"svcc.dev/load-balancing": "maglev", "svcc.dev/hash-key": key.value}
    compilation = compiled(
        service("web", [SERVICE[family]], ServicePort(80, protocol=protocol), annotations=annotations),
        slices("web", pods, EndpointPort(8080, protocol=protocol)),
    )
    (plan,) = [plan for each in compilation.dataplane.families for plan in each.service_ports]
    maglev = maglev_of(plan, Decision.CLUSTER, big_endian=big_endian)
    assert maglev is not None
    evaluator = Evaluator(compilation, big_endian=big_endian)
    first = ip_address(FIRST_CLIENT[family])
    seen = set()
    for number in range(CLIENTS):
        client, port = str(first + 7919 * number), 1024 + 211 * number
        packet = Packet(protocol, client, SERVICE[family], port, 80)
        (outcome,) = evaluator.evaluate(packet, steps=False).outcomes
        named = maglev.lookup((client, port) if key is HashKey.FLOW else client)
        assert f"{outcome.address} {outcome.port}" == named
        seen.add(named)
    assert len(seen) == 4
