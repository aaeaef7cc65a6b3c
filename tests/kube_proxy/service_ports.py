"""The chains and elements of one service port."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from svcc.addresses import IPFamily
from svcc.dataplane.contract import (
    Decision,
    FamilyDataplane,
    Frontend,
    FrontendKind,
    Masquerade,
    PodDetector,
    ServicePortPlan,
)
from svcc.select import EndpointAddress
from tests.kube_proxy.layouts import Layout
from tests.kube_proxy.names import affinity_set_name, chain_name, endpoint_chain_name, port_comment
from tests.kube_proxy.table import TableText

_REFUSALS = {Decision.REJECT: "goto reject-chain", Decision.DROP: "drop"}


def pod_match(pods: PodDetector, ip: str, *, negated: bool) -> str:
    """Whether the source is a pod (S44), or is none."""
    operator = "!= " if negated else ""
    if pods.source_prefixes:
        prefixes = pods.source_prefixes
        text = prefixes[0] if len(prefixes) == 1 else f"{{ {', '.join(prefixes)} }}"
        return f"{ip} saddr {operator}{text}"
    return f'iifname {operator}"{pods.interface or pods.interface_prefix + "*"}"'


@frozen
class ServicePortWriter:
    """Writes one service port into a table."""

    table: TableText
    dataplane: FamilyDataplane
    layout: Layout
    mark: str
    """The bit that asks for masquerading, such as ``0x4000``."""
    plan: ServicePortPlan

    @property
    def _ip(self) -> str:
        return "ip" if self.dataplane.family is IPFamily.IPV4 else "ip6"

    @property
    def _protocol(self) -> str:
        return self.plan.name.protocol.value.lower()

    @property
    def _ask_for_masquerade(self) -> str:
        if self.layout.chain_per_endpoint:
            return "jump mark-for-masquerade"
        return f"mark set mark or {self.mark}"

    @property
    def _sticky(self) -> bool:
        return self.plan.affinity_timeout_seconds is not None

    def write(self) -> None:
        """Write chains, elements and affinity sets."""
        frontends = self.plan.frontends
        internal = [each for each in frontends if each.kind is FrontendKind.CLUSTER_IP]
        external = [each for each in frontends if each.kind is not FrontendKind.CLUSTER_IP]
        for frontend in internal:
            self._frontend(frontend, self._set_chain(frontend.inside))
        for frontend in external:
            self._frontend(frontend, chain_name("external-", self.plan.name))
        if any(each.inside not in _REFUSALS for each in external):
            self._external_chain(external[0])
        self._firewall(external)
        needed = {decision for each in frontends for decision in (each.inside, each.outside)}
        for decision in (Decision.CLUSTER, Decision.LOCAL):
            if decision in needed:
                self._endpoint_set(decision, internal)
        if needed & {Decision.CLUSTER, Decision.LOCAL}:
            self._endpoints()

    def _set_chain(self, decision: Decision) -> str:
        return chain_name("local-" if decision is Decision.LOCAL else "service-", self.plan.name)

    def _key(self, frontend: Frontend) -> str:
        address = "" if frontend.address is None else f"{frontend.address} . "
        return f"{address}{self._protocol} . {frontend.port}"

    def _frontend(self, frontend: Frontend, chain: str) -> None:
        """S24 and S37: the lookups that a frontend is in; both, if only some clients are refused."""
        kind = "nodeports" if frontend.address is None else "ips"
        if frontend.inside not in _REFUSALS:
            self.table.elements("map", f"service-{kind}", [f"{self._key(frontend)} : goto {chain}"])
        if frontend.outside in _REFUSALS:
            refused = "nodeports" if frontend.address is None else "services"
            element = f'{self._key(frontend)} comment "{port_comment(self.plan.name)}" : {_REFUSALS[frontend.outside]}'
            self.table.elements("map", f"no-endpoint-{refused}", [element])

    def _external_chain(self, frontend: Frontend) -> None:
        """S26, S27 and S29."""
        chain, service = (chain_name(prefix, self.plan.name) for prefix in ("external-", "service-"))
        if frontend.masquerade is Masquerade.ALWAYS:
            self.table.chain(chain, self._ask_for_masquerade, f"goto {service}")
            return
        if self.dataplane.pods:
            match = pod_match(self.dataplane.pods, self._ip, negated=False)
            self.table.chain(chain, f'{match} goto {service} comment "short-circuit pod traffic"')
        self.table.chain(
            chain,
            f'fib saddr type local {self._ask_for_masquerade} comment "masquerade local traffic"',
            f'fib saddr type local goto {service} comment "short-circuit local traffic"',
        )
        if frontend.outside is Decision.LOCAL:
            self.table.chain(chain, f"goto {chain_name('local-', self.plan.name)}")

    def _firewall(self, external: Sequence[Frontend]) -> None:
        """S40 and S41; ranges that cannot be read are passed over, so that an empty list restricts nobody."""
        guarded = [each for each in external if each.allowed_sources]
        if not guarded or guarded[0].allowed_sources is None:
            return
        chain, comment = chain_name("firewall-", self.plan.name), port_comment(self.plan.name)
        elements = (f'{self._key(each)} comment "{comment}" : goto {chain}' for each in guarded)
        self.table.elements("map", "firewall-ips", elements)
        self.table.chain(chain, f"{self._ip} saddr != {{ {', '.join(guarded[0].allowed_sources)} }} drop")

    def _endpoint_set(self, decision: Decision, internal: Sequence[Frontend]) -> None:
        """The chain that chooses among a set of endpoints (S23, S35)."""
        chain, endpoints = self._set_chain(decision), self.plan.endpoints(decision)
        for frontend in internal:
            if self.layout.chain_per_endpoint and frontend.inside is decision:
                self._internal_masquerade(chain, frontend)
        if self._sticky:
            for endpoint in endpoints:
                name = affinity_set_name(self.plan.name, endpoint)
                goto = f"goto {endpoint_chain_name(self.plan.name, endpoint)}"
                self.table.chain(chain, f"{self._ip} saddr @{name} {goto}")
        count = len(endpoints)
        if self._sticky or self.layout.chain_per_endpoint:
            names = (endpoint_chain_name(self.plan.name, endpoint) for endpoint in endpoints)
            vmap = ", ".join(f"{number} : goto {name}" for number, name in enumerate(names))
            self.table.chain(chain, f"numgen random mod {count} vmap {{ {vmap} }}")
        elif count == 1 and self.layout.plain_single_endpoint:
            self.table.chain(chain, f"meta l4proto {self._protocol} dnat to {endpoints[0]}")
        else:
            targets = ", ".join(f"{number} : {each.address} . {each.port}" for number, each in enumerate(endpoints))
            dnat = f"dnat {self._ip} addr . port to numgen random mod {count} map {{ {targets} }}"
            self.table.chain(chain, f"meta l4proto {self._protocol} {dnat}")

    def _internal_masquerade(self, chain: str, frontend: Frontend) -> None:
        destination = f"{self._ip} daddr {frontend.address} {self._protocol} dport {frontend.port}"
        if frontend.masquerade is Masquerade.ALWAYS:
            self.table.chain(chain, f"{destination} {self._ask_for_masquerade}")
        elif frontend.masquerade is Masquerade.UNLESS_POD:
            others = pod_match(self.dataplane.pods, self._ip, negated=True)
            self.table.chain(chain, f"{destination} {others} {self._ask_for_masquerade}")

    def _endpoints(self) -> None:
        every = sorted({*self.plan.cluster_endpoints, *self.plan.local_endpoints}, key=str)
        for endpoint in every:
            if self._sticky or self.layout.chain_per_endpoint:
                self._endpoint(endpoint)
            if not self.layout.chain_per_endpoint and endpoint.address in self.dataplane.local_endpoint_addresses:
                address = endpoint.address
                pair = f"{address} . {address} . {self._protocol} . {endpoint.port}"
                self.table.elements("set", "hairpin-connections", [pair])

    def _endpoint(self, endpoint: EndpointAddress) -> None:
        chain = endpoint_chain_name(self.plan.name, endpoint)
        if self.layout.chain_per_endpoint:
            rule = (
                f'{self._ip} saddr {endpoint.address} {self._ask_for_masquerade} comment "masquerade hairpin traffic"'
            )
            self.table.chain(chain, rule)
        if self._sticky:
            name = affinity_set_name(self.plan.name, endpoint)
            kind = "ipv4_addr" if self.dataplane.family is IPFamily.IPV4 else "ipv6_addr"
            timeout = f"timeout {self.plan.affinity_timeout_seconds}s"
            self.table.collection("set", name, f"type {kind}", "size 65535", "flags dynamic,timeout", timeout)
            self.table.chain(chain, f"update @{name} {{ {self._ip} saddr }}")
        self.table.chain(chain, f"meta l4proto {self._protocol} dnat to {endpoint}")
