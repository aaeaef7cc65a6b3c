"""Addresses and CIDRs: what the server refuses, and what it warns of.

Values in an old form (leading zeros, IPv4-mapped IPv6, host bits in a CIDR) may be stored in clusters that were set up
before strict validation; kube-proxy reads them (S6), so svcc warns where a new server refuses.
"""

from __future__ import annotations

import ipaddress

from svcc.addresses import address_bytes, canonical_address, canonical_prefix, family_of

__all__ = [
    "address_errors",
    "address_warning",
    "cidr_errors",
    "cidr_warning",
    "has_leading_zeros",
    "special_address_errors",
]


def address_errors(value: str) -> list[str]:
    """What is wrong with an IP address (`IsValidIPForLegacyField`)."""
    if canonical_address(value) is None:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []


def special_address_errors(value: str) -> list[str]:
    """Why an address, which parses, cannot be an endpoint or external IP (`ValidateEndpointIP`)."""
    canonical = canonical_address(value)
    if canonical is None:
        return []
    packed = address_bytes(canonical)
    if not any(packed):
        return [f"may not be unspecified ({value})"]
    if len(packed) == 4:
        is_loopback = packed[0] == 127
        is_link_local = packed[:2] == b"\xa9\xfe"
        is_link_local_multicast = packed[:3] == b"\xe0\0\0"
    else:
        is_loopback = packed == bytes(15) + b"\1"
        is_link_local = packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
        is_link_local_multicast = packed[0] == 0xFF and packed[1] & 0x0F == 0x02
    if is_loopback:
        return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]
    if is_link_local:
        return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]
    if is_link_local_multicast:
        return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]
    return []


def address_warning(value: str) -> tuple[str, str] | None:
    """What the server warns of in an address that parses (`GetWarningsForIP`): the form's name and the sentence."""
    canonical = canonical_address(value)
    if canonical is None or canonical == value:
        return None
    if ":" not in canonical:  # leading zeros, or an IPv4-mapped address
        return "non-standard", f'non-standard IP address "{value}" is invalid: use "{canonical}"'
    return "not-canonical", f'IPv6 address "{value}" should be in RFC 5952 canonical format ("{canonical}")'


def cidr_errors(value: str) -> list[str]:
    """What is wrong with a CIDR (`IsValidCIDRForLegacyField`)."""
    if canonical_prefix(value) is not None:
        return []
    canonical = canonical_address(value.partition("/")[0])
    if canonical is not None and ":" in value and ":" not in canonical:
        return ["must not be an IPv4-mapped IPv6 address"]
    return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]


def cidr_warning(value: str) -> tuple[str, str] | None:
    """What the server warns of in a CIDR that parses (`GetWarningsForCIDR`): the form's name and the sentence."""
    canonical = canonical_prefix(value)
    if canonical is None or canonical == value:
        return None
    address, _, length = value.partition("/")
    host = canonical_address(address)
    if host is not None and ipaddress.ip_address(host) != ipaddress.ip_network(canonical).network_address:
        choice = f'should be "{canonical}" or "{host}/{family_of(host).bits}"?'
        return "ambiguous", f'CIDR value "{value}" is ambiguous in this context ({choice})'
    if ":" not in canonical or has_leading_zeros(length):
        return "non-standard", f'non-standard CIDR value "{value}" is invalid: use "{canonical}"'
    return "not-canonical", f'IPv6 CIDR value "{value}" should be in RFC 5952 canonical format ("{canonical}")'


def has_leading_zeros(number: str) -> bool:
    """Whether a decimal number is written with zeros in front."""
    return len(number) > 1 and number.startswith("0")
