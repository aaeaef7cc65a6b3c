"""All that a node answers on: health checks of Services, probes, metrics, and the socket for ``svcc node status``."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from typing import Final

from attrs import frozen

from svcc.addresses import IPFamily, canonical_address
from svcc.errors import SettingsError
from svcc.fields import Problem
from svcc.node.descriptors import raise_descriptor_limit
from svcc.node.health_checks import HealthChecks
from svcc.node.http_server import Handler, HttpThread, Limits, Request, Response
from svcc.node.listeners import Listener, Listeners, TcpPlace, UnixPlace
from svcc.node.metrics import NodeMetrics
from svcc.node.probes import healthz_answer, livez_answer, router
from svcc.node.service_counters import ServiceCounters
from svcc.node.state import Clock, Published
from svcc.node.status import status_document
from svcc.node.status_socket import CONNECTIONS_PATH, STATUS_PATH, status_socket

__all__ = ["HEALTHZ", "METRICS", "NodeServers", "ServerSettings", "bind_address"]

_LOG = logging.getLogger(__name__)

HEALTHZ: Final = TcpPlace("0.0.0.0", 10256)
METRICS: Final = TcpPlace("127.0.0.1", 10249)
"""Where kube-proxy answers."""

_ADDRESS_AND_PORT: Final = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[^\[\]:]*)):(?P<port>[0-9]{1,5})", re.ASCII)
_EVERYWHERE: Final = {"0.0.0.0": "::", "::": "0.0.0.0"}


@frozen
class ServerSettings:
    """Where to answer.

    Attributes:
        healthz: for balancers and kubelets; None answers nowhere.
        metrics: for Prometheus; None answers nowhere.
        runtime_directory: of the socket for ``svcc node status``.
        health_timeout_seconds: how long a change may wait before the node counts as unhealthy (S51).
    """

    healthz: TcpPlace | None = HEALTHZ
    metrics: TcpPlace | None = METRICS
    runtime_directory: Path = Path("/run/svcc")
    health_timeout_seconds: float = 60.0


def bind_address(text: str, default_port: int) -> TcpPlace | None:
    """An ``ADDRESS``, ``ADDRESS:PORT``, ``[ADDRESS]:PORT`` or ``:PORT`` to listen on; None for the empty text.

    Raises:
        SettingsError: the text is something else.
    """
    if not text:
        return None
    address = canonical_address(text)
    if address is not None:
        return TcpPlace(address, default_port)
    match = _ADDRESS_AND_PORT.fullmatch(text)
    if match is not None:
        address = canonical_address(match["six"] or match["four"] or "0.0.0.0")
        port = int(match["port"])
        if address is not None and port < 2**16 and (":" in address) == bool(match["six"]):
            return TcpPlace(address, port)
    raise SettingsError(f"{text!r} is not ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT")


class NodeServers:
    """The servers of a node. A place that cannot be listened on is a problem, is tried again, and stops nothing."""

    def __init__(
        self,
        published: Published,
        settings: ServerSettings,
        *,
        clock: Clock | None = None,
        families: tuple[IPFamily, ...] = tuple(IPFamily),
        limits: Limits | None = None,
        retry_seconds: float = 5.0,
        service_counters: ServiceCounters | None = None,
    ) -> None:
        self._published = published
        self._settings = settings
        self._clock = clock or Clock()
        self._thread = HttpThread(limits)
        self._listeners = Listeners(self._thread, retry_seconds=retry_seconds)
        self.metrics = NodeMetrics(
            published,
            families=families,
            clock=self._clock,
            unserved_places=lambda: len(self._listeners.problems),
            service_counters=service_counters,
        )
        self._service_counters = service_counters
        self._checks = HealthChecks(
            published, self._clock, settings.health_timeout_seconds, self.metrics.health_check_answered
        )
        self._own = dict(self._own_listeners())
        self._seen: tuple[object, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What cannot be listened on at this moment."""
        return self._listeners.problems

    def start(self) -> None:
        """Begin to answer, in the network namespace of the thread that calls; returns once every place was tried."""
        raise_descriptor_limit()
        self._thread.start()
        self.refresh().result()

    def refresh(self) -> Future[None]:
        """Follow the state that is published now; quick where no health check port comes or goes.

        Whoever waits for the result knows that new ports answer.
        """
        state = self._published.state
        # Which Service has a port counts for reports only, so how many endpoints it has is no change.
        seen = (
            tuple((port, check.service) for port, check in state.health_checks.items()),
            tuple(state.node_ports.items()),
        )
        if seen == self._seen:
            done: Future[None] = Future()
            done.set_result(None)
            return done
        self._seen = seen
        # In their thread: the loop that waits for the kernel has other things to do.
        following = self._thread.run(self._follow())
        # Whoever changes the rules does not wait for it, and would not hear of what is a bug.
        following.add_done_callback(_log_failure)
        return following

    async def _follow(self) -> None:
        await self._listeners.change({**self._own, **self._checks.places()})

    def port_of(self, place: TcpPlace) -> int | None:
        """The port that a place got which asks for port 0; None while it is not served."""
        return self._listeners.port_of(place)

    @property
    def open_connections(self) -> int:
        """How many clients there are at this moment."""
        return self._thread.open_connections

    def close(self) -> None:
        """Answer nothing more; once, also if it was never started."""
        if self._thread.is_running:
            self._listeners.close()
        self._thread.close()

    def _own_listeners(self) -> Iterator[tuple[TcpPlace | UnixPlace, Listener]]:
        settings = self._settings
        if settings.healthz is not None:
            probes = router({"/healthz": self._healthz, "/livez": self._livez}, self.metrics.probe_answered)
            yield from _with_other_family(settings.healthz, Listener("probes", probes))
        if settings.metrics is not None:
            metrics = Listener("metrics", router({"/metrics": self._metrics}), is_slow=True)
            yield from _with_other_family(settings.metrics, metrics)
        place = UnixPlace(status_socket(settings.runtime_directory))
        yield place, Listener("status", router(self._status_pages()), is_slow=True)

    def _status_pages(self) -> dict[str, Handler]:
        return {STATUS_PATH: self._status, CONNECTIONS_PATH: self._connections}

    def _healthz(self, _request: Request) -> Response:
        return healthz_answer(self._published.state, self._clock, self._settings.health_timeout_seconds)

    def _livez(self, _request: Request) -> Response:
        return livez_answer(self._published.state, self._clock, self._settings.health_timeout_seconds)

    def _metrics(self, request: Request) -> Response:
        body, content_type = self.metrics.exposition(request.headers.get("accept", ""))
        return Response(HTTPStatus.OK, body, (("Content-Type", content_type),))

    def _status(self, _request: Request) -> Response:
        document = status_document(
            self._published.state, self._clock, self._settings.health_timeout_seconds, self.problems
        )
        return Response(HTTPStatus.OK, json.dumps(document).encode(), (("Content-Type", "application/json"),))

    def _connections(self, _request: Request) -> Response:
        counters = self._service_counters
        document = {"kind": "ServiceConnections", "items": None if counters is None else counters.documents()}
        return Response(HTTPStatus.OK, json.dumps(document).encode(), (("Content-Type", "application/json"),))


def _log_failure(following: Future[None]) -> None:
    if not following.cancelled() and (error := following.exception()) is not None:
        _LOG.error("what is to be listened on now cannot be followed", exc_info=error)


def _with_other_family(place: TcpPlace, listener: Listener) -> Iterator[tuple[TcpPlace, Listener]]:
    """A place, and the same of the other family where it is every address: so kube-proxy's wildcards mean it."""
    yield place, listener
    if place.address in _EVERYWHERE:
        other = Listener(listener.what, listener.handler, is_extra=True, is_slow=listener.is_slow)
        yield TcpPlace(_EVERYWHERE[place.address], place.port), other
