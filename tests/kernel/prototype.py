"""A small ruleset in the manner of svcc's, written by hand, for tests of the harness: not what svcc compiles to."""

from __future__ import annotations

from attrs import frozen

from tests.kernel.packets import Entry, Packet

_TEMPLATE = """
table {family} prototype {{
  map endpoints {{
    typeof meta l4proto . {ip} daddr . th dport . numgen random mod 65536 : {ip} daddr . th dport
    elements = {{ {endpoints} }}
  }}
  map services {{
    typeof meta l4proto . {ip} daddr . th dport : verdict
    elements = {{ {services} }}
  }}
  set hairpins {{ typeof {ip} saddr . {ip} daddr; elements = {{ {first} . {first}, {second} . {second} }}; }}
  set service-prefixes {{ typeof {ip} daddr; flags interval; elements = {{ {prefix} }}; }}
  chain nothing {{ drop; }}
  chain pick-1 {{ dnat {family} to meta l4proto . {ip} daddr . th dport . numgen inc mod 1 map @endpoints; }}
  chain pick-2 {{ dnat {family} to meta l4proto . {ip} daddr . th dport . numgen random mod 2 map @endpoints; }}
  chain marked-pick-1 {{ meta mark set meta mark | 0x4000; goto pick-1; }}
  chain services {{ meta l4proto . {ip} daddr . th dport vmap @services; }}
  chain prerouting {{ type nat hook prerouting priority dstnat; jump services; }}
  chain output {{ type nat hook output priority -100; jump services; }}
  chain unreachable {{ {ip} daddr @service-prefixes reject with {icmp} type port-unreachable; }}
  chain forward {{ type filter hook forward priority 0; jump unreachable; }}
  chain filter-output {{ type filter hook output priority 0; jump unreachable; }}
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ct status dnat {ip} saddr . {ip} daddr @hairpins masquerade fully-random
    meta mark & 0x4000 != 0 meta mark set meta mark ^ 0x4000 masquerade fully-random
  }}
}}
"""


@frozen
class Prototype:
    """The ruleset of one IP family, and the addresses in it.

    `service` port 80 has two endpoints, `first` and `second`, and masquerades hairpins only; port 81 goes to `first`
    and masquerades everything; port 82 is dropped; port 83 goes to `node`, port 8083; port 84 goes to `remote`.
    Whatever else is sent to `prefix` is rejected.
    """

    family: str
    node: str
    pod_gateway: str
    client: str
    pod: str
    first: str
    second: str
    remote: str
    service: str
    unused_service: str
    prefix: str

    def source_for(self, entry: Entry) -> str:
        """Give an address that belongs behind an entry."""
        return {"outside": self.client, "pod": self.pod, "output": self.node}[entry]

    def packet(
        self,
        protocol: str,
        port: int | None,
        entry: Entry = "outside",
        *,
        source: str | None = None,
        source_port: int | None = None,
        destination: str | None = None,
    ) -> Packet:
        """Give a packet for the service, from a fitting source; either may be replaced."""
        return Packet(
            protocol=protocol,
            source=source or self.source_for(entry),
            source_port=source_port,
            destination=destination or self.service,
            destination_port=None if protocol == "ICMP" else port,
            entry=entry,
        )

    def script(self) -> str:
        """Give the script to load."""
        slots = (
            (80, 0, self.first, 8080),
            (80, 1, self.second, 8080),
            (81, 0, self.first, 8081),
            (83, 0, self.node, 8083),
            (84, 0, self.remote, 8084),
        )
        chains = ((80, "pick-2"), (81, "marked-pick-1"), (82, "nothing"), (83, "pick-1"), (84, "pick-1"))
        protocols = ("tcp", "udp", "sctp")
        return _TEMPLATE.format(
            family=self.family,
            ip=self.family,
            icmp="icmp" if self.family == "ip" else "icmpv6",
            first=self.first,
            second=self.second,
            prefix=self.prefix,
            endpoints=", ".join(
                f"{protocol} . {self.service} . {port} . {slot} : {address} . {endpoint_port}"
                for protocol in protocols
                for port, slot, address, endpoint_port in slots
            ),
            services=", ".join(
                f"{protocol} . {self.service} . {port} : goto {chain}"
                for protocol in protocols
                for port, chain in chains
            ),
        )


IPV4 = Prototype(
    family="ip",
    node="192.168.0.10",
    pod_gateway="10.244.0.1",
    client="203.0.113.7",
    pod="10.244.0.9",
    first="10.244.0.2",
    second="10.244.0.3",
    remote="192.0.2.40",
    service="10.96.0.1",
    unused_service="10.96.0.2",
    prefix="10.96.0.0/16",
)
IPV6 = Prototype(
    family="ip6",
    node="fd00:1::10",
    pod_gateway="fd00:10:244::1",
    client="2001:db8::7",
    pod="fd00:10:244::9",
    first="fd00:10:244::2",
    second="fd00:10:244::3",
    remote="2001:db8:40::40",
    service="fd00:10:96::1",
    unused_service="fd00:10:96::2",
    prefix="fd00:10:96::/112",
)
