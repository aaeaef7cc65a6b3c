"""The namespaces, cables, addresses and routes around one node.

::

    outside ("wire") ---- outside interface [ node ] pod interface ---- ("wire") pods

Neither far end has addresses; each takes whatever arrives for its own, so every address exists on both sides. The node
reaches all of them through one gateway per side, whose hardware address is fixed: nothing has to be resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

from tests.kernel.namespace import NetworkNamespace

Side = Literal["outside", "pod"]
SIDES: tuple[Side, ...] = ("outside", "pod")
FAR_INTERFACE = "wire"
NODE_MACS: dict[Side, str] = {"outside": "02:00:00:00:01:01", "pod": "02:00:00:00:02:01"}
FAR_MACS: dict[Side, str] = {"outside": "02:00:00:00:01:02", "pod": "02:00:00:00:02:02"}
_NOBODY_MAC = "02:00:00:00:00:ff"
_EVERYTHING = ("0.0.0.0/0", "::/0")
_TABLE = 100


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _gateway(destination: str) -> str:
    return {4: "169.254.1.1", 6: "fe80::1"}[_version(destination)]


class Topology:
    """A node with an interface to the outside and one to its pods, nothing that filters and no rate limits."""

    def __init__(
        self,
        interfaces: dict[Side, str],
        addresses: dict[Side, Sequence[str]],
        pod_prefixes: Sequence[str],
        *,
        route_localnet: bool,
    ) -> None:
        self._interfaces = interfaces
        self._answering = False
        with ExitStack() as resources:
            self.node = NetworkNamespace()
            resources.callback(self.node.close)
            self.far: dict[Side, NetworkNamespace] = {}
            for side in SIDES:
                self.far[side] = NetworkNamespace()
                resources.callback(self.far[side].close)
            self._set_up_parameters(route_localnet=route_localnet)
            self._set_up_cables()
            for side in SIDES:
                for address in addresses[side]:
                    self.add_address(address, interfaces[side])
            self._set_up_routes(addresses["outside"], pod_prefixes)
            self._resources = resources.pop_all()

    def close(self) -> None:
        """Let go of the namespaces."""
        self._resources.close()

    def add_address(self, address: str, interface: str) -> None:
        """Give the node an address, without a network on the link."""
        if _version(address) == 4:
            self.node.ip(f"address add {address}/32 dev {interface}")
            return
        self.node.ip(f"address add {address}/128 nodad dev {interface}")
        self.node.wait_until_local(address)

    def delete_address(self, address: str, interface: str) -> None:
        """Take an address from the node."""
        self.node.ip(f"address del {address}/{128 if _version(address) == 6 else 32} dev {interface}")

    def set_answering(self, *, answering: bool) -> None:
        """Whether the far ends' stacks get what the node sends.

        They ignore frames for a hardware address that is not theirs; taps see these frames all the same.
        """
        if answering != self._answering:
            self.node.ip(*self._neighbours(answering=answering))
            self._answering = answering

    def _neighbours(self, *, answering: bool) -> list[str]:
        return [
            f"neigh replace {_gateway(prefix)} lladdr {FAR_MACS[side] if answering else _NOBODY_MAC}"
            f" dev {interface} nud permanent"
            for side, interface in self._interfaces.items()
            for prefix in _EVERYTHING
        ]

    def _set_up_parameters(self, *, route_localnet: bool) -> None:
        for namespace in (self.node, *self.far.values()):
            namespace.sysctl(
                ipv4__conf__all__rp_filter=0,
                ipv4__conf__default__rp_filter=0,
                # Spoofed packets with an address of the receiver itself are wanted, too.
                ipv4__conf__all__accept_local=1,
                ipv6__conf__all__disable_ipv6=0,
                ipv6__conf__default__disable_ipv6=0,
                ipv6__conf__default__accept_ra=0,
                ipv6__conf__default__addr_gen_mode=1,
            )
        self.node.sysctl(
            ipv4__ip_forward=1,
            ipv4__conf__all__send_redirects=0,
            ipv4__conf__default__send_redirects=0,
            ipv4__conf__all__route_localnet=int(route_localnet),
            ipv4__icmp_ratelimit=0,
            ipv4__icmp_msgs_per_sec=1_000_000,
            ipv4__icmp_msgs_burst=1_000_000,
            ipv6__conf__all__forwarding=1,
            ipv6__icmp__ratelimit=0,
        )

    def _set_up_cables(self) -> None:
        self.node.ip(
            "link set lo up",
            *(
                f"link add {interface} address {NODE_MACS[side]} type veth"
                f" peer name {FAR_INTERFACE} address {FAR_MACS[side]} netns {self.far[side].path}"
                for side, interface in self._interfaces.items()
            ),
            *(f"link set {interface} up" for interface in self._interfaces.values()),
        )
        for side, namespace in self.far.items():
            namespace.ip(
                "link set lo up",
                f"link set {FAR_INTERFACE} up",
                *(
                    f"neigh add {_gateway(prefix)} lladdr {NODE_MACS[side]} dev {FAR_INTERFACE} nud permanent"
                    for prefix in _EVERYTHING
                ),
            )
        # The far ends came up with their cable plugged in and send at once; these were up before and learn of it later.
        for interface in self._interfaces.values():
            self.node.wait_until_running(interface)

    def _set_up_routes(self, addresses: Sequence[str], pod_prefixes: Sequence[str]) -> None:
        sources = {_version(address): f" src {address}" for address in addresses}
        outside, pod = self._interfaces["outside"], self._interfaces["pod"]
        self.node.ip(
            *self._neighbours(answering=False),
            *(
                f"route add {prefix} via {_gateway(prefix)} dev {outside} onlink{sources.get(_version(prefix), '')}"
                for prefix in _EVERYTHING
            ),
            *(f"route add {prefix} via {_gateway(prefix)} dev {pod} onlink" for prefix in pod_prefixes),
        )
        for namespace in self.far.values():
            namespace.ip(
                *(f"route add {prefix} via {_gateway(prefix)} dev {FAR_INTERFACE} onlink" for prefix in _EVERYTHING),
                *(f"route add local {prefix} dev lo table {_TABLE}" for prefix in _EVERYTHING),
            )
            rule = f"rule add iif {FAR_INTERFACE} lookup {_TABLE} pref {_TABLE}"
            namespace.ip(rule)
            namespace.ip(rule, family=6)
