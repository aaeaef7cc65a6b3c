"""Whether a dump has an endpoint among those of a frontend, in all forms of dumps."""

from __future__ import annotations

import json

import pytest

from svcc.auditing.classify_declared import Declared, Owner
from svcc.auditing.mentions import Mentions
from svcc.nft.json import commands
from svcc.select import EndpointAddress
from tests.audit.cluster import CLUSTER, COMPILATION, SCRIPT
from tests.declare import NODE, PODS
from tests.kube_proxy import kube_proxy_ruleset

WEB, STICKY, EDGE = "10.96.0.10", "10.96.0.12", "10.96.0.20"


def owner(address: str | None, port: int = 80) -> Owner:
    """The frontend at an address, or the node port."""
    [found] = [
        Owner(plan, frontend)
        for plan in Declared(COMPILATION.dataplane).dataplane.families[0].service_ports
        for frontend in plan.frontends
        if (frontend.address, frontend.port) == (address, port)
    ]
    return found


DUMPS = {
    "text": SCRIPT,
    "json": json.dumps(commands(COMPILATION.ruleset)),
    "kube-proxy": kube_proxy_ruleset(CLUSTER, NODE.name, PODS, "1.33"),
}


@pytest.mark.parametrize("dump", DUMPS)
def test_endpoints_of_a_frontend_are_found(dump: str) -> None:
    mentions = Mentions(DUMPS[dump].encode())
    assert mentions.has_endpoint(owner(WEB), EndpointAddress("10.244.2.5", 8080))
    assert mentions.has_endpoint(owner(None, 30080), EndpointAddress("10.244.2.5", 8080))
    assert mentions.has_endpoint(owner(STICKY), EndpointAddress("10.244.1.6", 8080))


@pytest.mark.parametrize("dump", DUMPS)
def test_endpoints_of_others_and_parts_of_numbers_are_not(dump: str) -> None:
    mentions = Mentions(DUMPS[dump].encode())
    for address, port in (("10.244.2.6", 8080), ("10.244.2.5", 808), ("10.244.2.5", 80800), ("0.244.2.5", 8080)):
        assert not mentions.has_endpoint(owner(WEB), EndpointAddress(address, port))
    assert not mentions.has_endpoint(owner(EDGE), EndpointAddress("10.244.2.5", 8080))
