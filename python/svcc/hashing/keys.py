"""The bytes that the kernel hashes for a client."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

from svcc.kernel_hash import concatenated

__all__ = ["Client", "client_key"]

Client: TypeAlias = str | tuple[str, int] | bytes


def client_key(client: Client) -> bytes:
    """The key of a client, as nft loads it from a packet.

    An IP address is what ``jhash ip saddr`` or ``jhash ip6 saddr`` hashes: its 4 or 16 bytes. An address and a port are
    the flow that ``jhash ip saddr . th sport`` hashes: the port, in network byte order, is padded to a register of 4
    bytes. Bytes are the key itself; `svcc.kernel_hash.concatenated` makes those of other expressions.

    >>> client_key("10.0.0.1").hex(), client_key(("10.0.0.1", 53)).hex()
    ('0a000001', '0a00000100350000')

    Raises:
        ValueError: the text is no IP address, or the port is not from 0 to 65535.
    """
    if isinstance(client, bytes):
        return client
    address, port = client if isinstance(client, tuple) else (client, None)
    packed = ipaddress.ip_address(address).packed
    if port is None:
        return packed
    if not 0 <= port <= 0xFFFF:
        raise ValueError(f"port {port} is not from 0 to 65535")
    return concatenated([packed, port.to_bytes(2, "big")])
