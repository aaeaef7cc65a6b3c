"""The address plan of all generated clusters and packets, which a packet harness can build.

The first of a node's addresses is its primary one. The simplest value stands first in every pool, since shrinking goes
there; pools are small, so that frontends clash, addresses are shared and endpoints meet again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st

from svcc.addresses import IPFamily

Item = TypeVar("Item")

IPV4, IPV6 = IPFamily.IPV4, IPFamily.IPV6

NODE = "node-a"
OTHER_NODES = ("node-b", "node-c")
ZONE, OTHER_ZONE = "zone-1", "zone-2"
NODE_ADDRESSES = {IPV4: ("192.168.0.10", "192.168.1.10"), IPV6: ("fd00:1::10", "fd00:2::10")}
LOOPBACK_ADDRESS = {IPV4: "127.0.0.1", IPV6: "::1"}
LOCAL_POD_RANGE = {IPV4: "10.244.1.0/24", IPV6: "fd00:244:1::/64"}
POD_RANGE = {IPV4: "10.244.0.0/16", IPV6: "fd00:244::/32"}
"""All pods; those of other nodes are in fd00:244::/48."""
SERVICE_RANGE = {IPV4: "10.96.0.0/16", IPV6: "fd00:96::/112"}
OUTSIDE_RANGES = {IPV4: ("203.0.113.0/24", "198.51.100.0/24"), IPV6: ("2001:db8::/32",)}
VIP_RANGE = {IPV4: "198.18.0.0/24", IPV6: "2001:db8:ffff::/64"}
POD_INTERFACE, OUTSIDE_INTERFACE = "cni0", "eth0"

LOCAL_PODS = {IPV4: ("10.244.1.2", "10.244.1.3"), IPV6: ("fd00:244:1::2", "fd00:244:1::3")}
NODELESS_PODS = {IPV4: "10.244.1.9", IPV6: "fd00:244:1::9"}
"""Pods on this node whose endpoints never say so: no nodeName, hence not local (S14)."""
CONTESTED_PODS = {IPV4: "10.244.1.7", IPV6: "fd00:244:1::7"}
"""Pods whose endpoints say the node in some slices only (S15).

They never send packets: rule S30 does not say which of two contradicting Services decides about their hairpin traffic.
"""
REMOTE_PODS = {IPV4: ("10.244.2.2", "10.244.3.3"), IPV6: ("fd00:244:0:2::2", "fd00:244:0:3::3")}
CLUSTER_IPS = {
    IPV4: ("10.96.0.1", "10.96.0.2", "10.96.0.3", "10.96.0.4", "10.96.0.5"),
    IPV6: ("fd00:96::1", "fd00:96::2", "fd00:96::3", "fd00:96::4", "fd00:96::5"),
}
UNALLOCATED_IPS = {IPV4: "10.96.200.1", IPV6: "fd00:96::c801"}
VIPS = {IPV4: ("198.18.0.1", "198.18.0.2"), IPV6: ("2001:db8:ffff::1", "2001:db8:ffff::2")}
EXTERNAL_IPS = {IPV4: ("198.18.0.3",), IPV6: ("2001:db8:ffff::3",)}
OUTSIDE_CLIENTS = {IPV4: ("203.0.113.5", "198.51.100.7"), IPV6: ("2001:db8::5", "2001:db8:1::7")}
ELSEWHERE = {IPV4: ("198.51.100.200", "10.244.2.200"), IPV6: ("2001:db8:2::200", "fd00:244:0:2::200")}

NODE_PORTS = (30080, 30443)
TARGET_PORTS = (8080, 8081)
UNSERVED_PORT = 9
CLIENT_PORT = 40000


@cache
def _indices(count: int) -> st.SearchStrategy[int]:
    """Drawing an index from a strategy made once is several times as fast as `st.sampled_from` made anew each time."""
    return st.integers(0, count - 1)


def one_of(draw: st.DrawFn, pool: Sequence[Item]) -> Item:
    """An item of the pool; shrinks to the first."""
    return pool[draw(_indices(len(pool)))]


def rarely(draw: st.DrawFn, often: Item, *seldom: Item) -> Item:
    """`often` in about nine draws of ten, else one of `seldom`."""
    index = draw(_indices(10 * len(seldom))) - 9 * len(seldom)
    return often if index < 0 else seldom[index]
