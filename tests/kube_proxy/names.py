"""How kube-proxy names its chains and sets, and what it writes in comments."""

from __future__ import annotations

import base64
import hashlib

from svcc.dataplane.contract import ServicePortName
from svcc.select import EndpointAddress

_LONGEST_NAME = 240
_LONGEST_COMMENT = 128


def chain_name(prefix: str, name: ServicePortName) -> str:
    """The name of a service port's chain; prefixes are ``service-``, ``local-``, ``external-``, ``firewall-``."""
    return _hashed(prefix, _identity(name))


def endpoint_chain_name(name: ServicePortName, endpoint: EndpointAddress) -> str:
    """The name of the chain of one endpoint of a service port."""
    return _hashed("endpoint-", _endpoint_identity(name, endpoint))


def affinity_set_name(name: ServicePortName, endpoint: EndpointAddress) -> str:
    """The name of the set of clients that are remembered to use an endpoint."""
    return _hashed("affinity-", _endpoint_identity(name, endpoint))


def port_comment(name: ServicePortName) -> str:
    """A service port as comments of elements write it; nft holds no more than 128 bytes (S46)."""
    return f"{name.namespace}/{name.service}{':' if name.port else ''}{name.port}"[:_LONGEST_COMMENT]


def _identity(name: ServicePortName) -> str:
    return f"{name.namespace}/{name.service}/{name.protocol.value.lower()}/{name.port}"


def _endpoint_identity(name: ServicePortName, endpoint: EndpointAddress) -> str:
    return f"{_identity(name)}__{endpoint.address.replace(':', '.')}/{endpoint.port}"


def _hashed(prefix: str, rest: str) -> str:
    digest = base64.b32encode(hashlib.sha256(rest.encode()).digest())[:8].decode()
    name = f"{prefix}{digest}-{rest}"
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
