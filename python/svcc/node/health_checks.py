"""What balancers ask a node: is an endpoint of this Service here (S50), on the Service's healthCheckNodePort."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from svcc.addresses import IPFamily
from svcc.dataplane.contract import NodePortAddresses
from svcc.fields import ObjectReference
from svcc.node.http_server import Request, Response
from svcc.node.listeners import Listener, Place, TcpPlace
from svcc.node.state import Clock, NodeState, Published

__all__ = ["HealthChecks", "health_check_answer"]

_Places = dict[Place, Listener]
_EVERYWHERE: Final = {IPFamily.IPV4: "0.0.0.0", IPFamily.IPV6: "::"}


def health_check_answer(state: NodeState, port: int, *, is_live: bool) -> Response:
    """200 where the Service has a local ready endpoint and the rules are kept up to date, else 503.

    The weight lets balancers share connections out by the number of endpoints. 404 while the socket of a Service that
    is gone is being closed.
    """
    check = state.health_checks.get(port)
    if check is None:
        return Response(HTTPStatus.NOT_FOUND, b"no Service has this health check port\n")
    document = {
        "service": {"namespace": check.service.namespace, "name": check.service.name},
        "localEndpoints": check.local_endpoints,
        "serviceProxyHealthy": is_live,
    }
    return Response(
        HTTPStatus.OK if check.local_endpoints and is_live else HTTPStatus.SERVICE_UNAVAILABLE,
        json.dumps(document, separators=(",", ":")).encode(),
        (
            ("Content-Type", "application/json"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Load-Balancing-Endpoint-Weight", str(check.local_endpoints)),
        ),
    )


class HealthChecks:
    """The places where health checks are answered, whatever is asked for: any method, any path.

    Answers come from the state that is published when a question comes, so only ports that come and go are work.
    """

    def __init__(
        self, published: Published, clock: Clock, health_timeout_seconds: float, answered: Callable[[int], None]
    ) -> None:
        self._published = published
        self._clock = clock
        self._timeout = health_timeout_seconds
        self._answered = answered
        self._node_ports: Mapping[IPFamily, NodePortAddresses] = {}
        self._made: dict[int, tuple[ObjectReference, _Places]] = {}

    def places(self) -> _Places:
        """Every address that serves node ports with every port that has a health check.

        What is as it was the last time is not made again: there may be thousands, of which one has changed.
        """
        state = self._published.state
        if state.node_ports != self._node_ports:
            self._node_ports, self._made = dict(state.node_ports), {}
        found: _Places = {}
        made = {}
        for port, check in state.health_checks.items():
            known = self._made.get(port)
            if known is None or known[0] != check.service:
                known = check.service, dict(self._places_of(port, check.service))
            made[port] = known
            found.update(known[1])
        self._made = made
        return found

    def _places_of(self, port: int, service: ObjectReference) -> Iterator[tuple[Place, Listener]]:
        what = f"health check of {service}"
        handler = functools.partial(self._answer, port)
        for family, served in self._node_ports.items():
            for address, accepts in _at(family, served):
                is_extra = address == _EVERYWHERE[IPFamily.IPV6]
                yield TcpPlace(address, port), Listener(what, handler, service, accepts, is_extra)

    def _answer(self, port: int, _request: Request) -> Response:
        state = self._published.state
        response = health_check_answer(state, port, is_live=state.is_live(self._clock, self._timeout))
        self._answered(response.status.value)
        return response


def _at(family: IPFamily, served: NodePortAddresses) -> Iterator[tuple[str, Callable[[str], bool] | None]]:
    """Where to listen, and which local addresses to answer on there.

    Prefixes hold addresses that the node may get later, so there the address of each connection is looked at.
    """
    if served.addresses is not None:
        for address in served.addresses:
            yield address, None
    else:
        yield _EVERYWHERE[family], served.serves if served.prefixes else None
