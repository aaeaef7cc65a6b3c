"""Services in the shape of kube-proxy's iptables mode, for `iptables-restore`.

From what is publicly observable of its chains, in the form it has for clusters of more than a thousand endpoints:
without comments. The frontends of the first family are served, without refusals and affinity.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from attrs import Factory, define

from svcc.dataplane.contract import (
    Dataplane,
    Decision,
    FamilyDataplane,
    Frontend,
    FrontendKind,
    Masquerade,
    ServicePortPlan,
)
from svcc.select import EndpointAddress

__all__ = ["iptables_rules"]

_ASK = "-j KUBE-MARK-MASQ"
_BASE_CHAINS = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")
_FILTER_BASE_CHAINS = ("INPUT", "FORWARD", "OUTPUT")


@define
class _Tables:
    """The lines of both tables; `services` and `node_ports` are the two chains that are walked one by one."""

    chains: list[str] = Factory(list)
    services: list[str] = Factory(list)
    node_ports: list[str] = Factory(list)
    rules: list[str] = Factory(list)
    firewall_chains: list[str] = Factory(list)
    firewall: list[str] = Factory(list)


def iptables_rules(dataplane: Dataplane) -> Iterator[str]:
    """The lines of the tables filter and nat."""
    family = dataplane.families[0]
    mark = f"{1 << dataplane.masquerade_bit:#x}"
    tables = _Tables()
    for plan in family.service_ports:
        _add(tables, family, plan)
    yield from _filter(tables, mark)
    yield from _nat(tables, mark)


def _filter(tables: _Tables, mark: str) -> Iterator[str]:
    yield "*filter\n"
    yield from (f":{name} ACCEPT [0:0]\n" for name in _FILTER_BASE_CHAINS)
    yield from (f":{name} - [0:0]\n" for name in ("KUBE-FORWARD", "KUBE-PROXY-FIREWALL", *tables.firewall_chains))
    for hook in _FILTER_BASE_CHAINS:
        yield f"-A {hook} -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL\n"
    yield "-A FORWARD -j KUBE-FORWARD\n"
    yield "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
    yield f"-A KUBE-FORWARD -m mark --mark {mark}/{mark} -j ACCEPT\n"
    yield "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    yield from tables.firewall
    yield "COMMIT\n"


def _nat(tables: _Tables, mark: str) -> Iterator[str]:
    yield "*nat\n"
    yield from (f":{name} ACCEPT [0:0]\n" for name in _BASE_CHAINS)
    own = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ")
    yield from (f":{name} - [0:0]\n" for name in (*own, *tables.chains))
    yield "-A PREROUTING -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n-A POSTROUTING -j KUBE-POSTROUTING\n"
    yield f"-A KUBE-POSTROUTING -m mark ! --mark {mark}/{mark} -j RETURN\n"
    yield f"-A KUBE-POSTROUTING -j MARK --xor-mark {mark}\n"
    yield "-A KUBE-POSTROUTING -j MASQUERADE --random-fully\n"
    yield f"-A KUBE-MARK-MASQ -j MARK --or-mark {mark}\n"
    yield from tables.services
    yield "-A KUBE-SERVICES ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n"
    yield from tables.node_ports
    yield from tables.rules
    yield "COMMIT\n"


def _add(tables: _Tables, family: FamilyDataplane, plan: ServicePortPlan) -> None:
    """A service port: a rule for each frontend, a chain for each set of endpoints and for each endpoint."""
    identity = f"{plan.name.namespace}/{plan.name.service}:{plan.name.port}{plan.name.protocol.value}"
    protocol = plan.name.protocol.value.lower()
    targets = {endpoint: _name("SEP", f"{identity}{endpoint}") for endpoint in plan.cluster_endpoints}
    service, external = _name("SVC", identity), _name("EXT", identity)
    pods = family.pods.source_prefixes[0]
    needed = {each.inside for each in plan.frontends} | {each.outside for each in plan.frontends}
    for frontend in plan.frontends:
        _frontend(tables, frontend, protocol, service if frontend.kind is FrontendKind.CLUSTER_IP else external)
        if frontend.kind is FrontendKind.CLUSTER_IP and frontend.masquerade is Masquerade.UNLESS_POD:
            match = f"-d {frontend.address}/32 -p {protocol} -m {protocol} --dport {frontend.port}"
            tables.rules.append(f"-A {service} ! -s {pods} {match} {_ASK}\n")
    _firewall(tables, plan, protocol, _name("FW", identity))
    outside = next((each for each in plan.frontends if each.kind is not FrontendKind.CLUSTER_IP), None)
    if outside is not None:
        _external(tables, outside, pods, external, service, _name("SVL", identity))
    for decision, chain in ((Decision.CLUSTER, service), (Decision.LOCAL, _name("SVL", identity))):
        if decision in needed:
            tables.chains.append(chain)
            _choice(tables, chain, [targets[endpoint] for endpoint in plan.endpoints(decision)])
    for endpoint, chain in targets.items():
        _endpoint(tables, chain, endpoint, protocol)


def _frontend(tables: _Tables, frontend: Frontend, protocol: str, chain: str) -> None:
    match = f"-p {protocol} -m {protocol} --dport {frontend.port} -j {chain}\n"
    if frontend.address is None:
        tables.node_ports.append(f"-A KUBE-NODEPORTS {match}")
    else:
        tables.services.append(f"-A KUBE-SERVICES -d {frontend.address}/32 {match}")


def _external(tables: _Tables, frontend: Frontend, pods: str, chain: str, service: str, local: str) -> None:
    tables.chains.append(chain)
    if frontend.masquerade is Masquerade.ALWAYS:
        tables.rules.append(f"-A {chain} {_ASK}\n-A {chain} -j {service}\n")
        return
    own = "-m addrtype --src-type LOCAL"
    tables.rules.append(f"-A {chain} -s {pods} -j {service}\n-A {chain} {own} {_ASK}\n-A {chain} {own} -j {service}\n")
    if frontend.outside is Decision.LOCAL:
        tables.rules.append(f"-A {chain} -j {local}\n")


def _firewall(tables: _Tables, plan: ServicePortPlan, protocol: str, chain: str) -> None:
    guarded = [each for each in plan.frontends if each.allowed_sources]
    for frontend in guarded:
        match = f"-d {frontend.address}/32 -p {protocol} -m {protocol} --dport {frontend.port}"
        tables.firewall.append(f"-A KUBE-PROXY-FIREWALL {match} -j {chain}\n")
    if guarded:
        tables.firewall_chains.append(chain)
        tables.firewall += (f"-A {chain} -s {prefix} -j RETURN\n" for prefix in guarded[0].allowed_sources or ())
        tables.firewall.append(f"-A {chain} -j DROP\n")


def _choice(tables: _Tables, chain: str, targets: list[str]) -> None:
    for number, target in enumerate(targets, 1 - len(targets)):
        chance = f"-m statistic --mode random --probability {1 / (1 - number):.10f} " if number else ""
        tables.rules.append(f"-A {chain} {chance}-j {target}\n")


def _endpoint(tables: _Tables, chain: str, endpoint: EndpointAddress, protocol: str) -> None:
    tables.chains.append(chain)
    translation = f"-p {protocol} -m {protocol} -j DNAT --to-destination {endpoint}"
    tables.rules.append(f"-A {chain} -s {endpoint.address}/32 {_ASK}\n-A {chain} {translation}\n")


def _name(kind: str, identity: str) -> str:
    """No more than the 28 characters that iptables holds."""
    return f"KUBE-{kind}-{base64.b32encode(hashlib.sha256(identity.encode()).digest())[:16].decode()}"
