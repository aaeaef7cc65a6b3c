"""What the rules of a whole cluster need to know that no object says."""

from __future__ import annotations

from attrs import field, frozen

from svcc.addresses import canonical_prefix
from svcc.errors import SettingsError
from svcc.model.metadata import frozen_items
from svcc.model.port_range import PortRange

__all__ = ["LOCAL_PORTS", "NODE_PORTS", "ClusterRuleSettings"]

NODE_PORTS = PortRange(30000, 32767)
"""The API server's range of node ports, unless a flag says otherwise."""

LOCAL_PORTS = PortRange(32768, 60999)
"""The ports that Linux gives to clients, unless somebody set them otherwise."""


@frozen(kw_only=True)
class ClusterRuleSettings:
    """Ranges that are flags of the API server, or the kernel's.

    Attributes:
        service_cidrs: ranges of cluster IPs, in addition to ServiceCIDR objects.
        service_node_port_range: the range of node ports, `--service-node-port-range` of the API server.
        ip_local_port_range: the ports that the kernel gives to clients, sysctl `net.ipv4.ip_local_port_range`.

    Raises:
        SettingsError: a range of addresses is none.
    """

    service_cidrs: tuple[str, ...] = field(default=(), converter=frozen_items)
    service_node_port_range: PortRange = NODE_PORTS
    ip_local_port_range: PortRange = LOCAL_PORTS

    @service_cidrs.validator
    def _are_prefixes(self, _attribute: object, value: tuple[str, ...]) -> None:
        wrong = [text for text in value if canonical_prefix(text) is None]
        if wrong:
            listed = ", ".join(map(repr, wrong))
            raise SettingsError(f"service_cidrs: {listed}: must be a valid CIDR value, (e.g. 10.9.8.0/24)")
