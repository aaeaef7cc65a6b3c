"""What a dump says of endpoints, whether packets get there or not: for telling what is missing from what is unused."""

from __future__ import annotations

import re

from attrs import define, field

from svcc.auditing.classify_declared import Owner
from svcc.select import EndpointAddress

__all__ = ["Mentions"]

_MOST = 200
"""Questions that are answered; each reads the dump, and who asks more has other worries."""


@define
class Mentions:
    """Looks for endpoints in the text of a dump, in the layouts of svcc and of kube-proxy's nftables mode.

    Of kube-proxy's, endpoints are found that have chains of their own: all in older releases, with session affinity in
    all.
    """

    dump: bytes = field(repr=False)
    _known: dict[bytes, bool] = field(factory=dict)

    def has_endpoint(self, owner: Owner, endpoint: EndpointAddress) -> bool:
        """Whether the dump has an endpoint among those of a frontend."""
        pattern = _chain(owner, endpoint) + b"|" + _element(owner, endpoint)
        if pattern not in self._known:
            if len(self._known) >= _MOST:
                return False
            self._known[pattern] = re.search(pattern, self.dump) is not None
        return self._known[pattern]


def _chain(owner: Owner, endpoint: EndpointAddress) -> bytes:
    """The chain that kube-proxy makes for an endpoint of a Service port, without its hash."""
    name = owner.plan.name
    port = f"{name.namespace}/{name.service}/{name.protocol.value.lower()}/{name.port}"
    chain = f"{port}__{endpoint.address.replace(':', '.')}/{endpoint.port}"
    return re.escape(chain).encode("utf-8", "surrogateescape") + rb"(?!\d)"


def _element(owner: Owner, endpoint: EndpointAddress) -> bytes:
    """An element of svcc's maps of endpoints: frontend and slot, then the endpoint; as text, or as lists in JSON."""
    frontend = [str(owner.frontend.port), r"\d+", re.escape(endpoint.address), str(endpoint.port)]
    if owner.frontend.address is not None:
        frontend.insert(0, re.escape(owner.frontend.address))
    between = r'[\s",.:{}\[\]]+(?:concat[\s",.:{}\[\]]+)?'
    return rf"(?<![\w.:]){between.join(frontend)}(?![\w.:])".encode()
