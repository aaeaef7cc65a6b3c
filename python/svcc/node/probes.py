"""What is asked of the node itself: whether it lives, whether to count on it (S51), its metrics and its status."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from svcc.node.http_server import Handler, Request, Response
from svcc.node.state import Clock, NodeState

__all__ = ["healthz_answer", "livez_answer", "router", "timestamp"]


def timestamp(seconds: float) -> str:
    """Unix seconds as RFC 3339 has them, in UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def livez_answer(state: NodeState, clock: Clock, health_timeout_seconds: float) -> Response:
    """Whether the process does its work: 200 unless an update has waited too long, as at the start, too."""
    is_live = state.is_live(clock, health_timeout_seconds)
    return _answer(_times(state, clock, is_live=is_live), is_well=is_live)


def healthz_answer(state: NodeState, clock: Clock, health_timeout_seconds: float) -> Response:
    """Whether balancers may send connections to this node: not to one that will go, either.

    Established connections keep working meanwhile; that is how a balancer drains the node (KEP-3836).
    """
    is_live = state.is_live(clock, health_timeout_seconds)
    is_eligible = bool(state.eligibility)
    document = _times(state, clock, is_live=is_live) | {"nodeEligible": is_eligible}
    return _answer(document, is_well=is_live and is_eligible)


def _times(state: NodeState, clock: Clock, *, is_live: bool) -> dict[str, str | bool]:
    """`lastUpdated` is kube-proxy's: the present while all is well, else the last success, or the start."""
    now = clock.now()
    last = now if is_live else state.last_success.ended_at if state.last_success else state.started
    return {"lastUpdated": timestamp(last), "currentTime": timestamp(now)}


def _answer(document: Mapping[str, str | bool], *, is_well: bool) -> Response:
    return Response(
        HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE,
        json.dumps(document).encode(),
        (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")),
    )


def router(paths: Mapping[str, Handler], counted: Callable[[str, int], None] = lambda _path, _code: None) -> Handler:
    """A handler that answers GET and HEAD on these paths, and tells which path was answered with which code."""

    def handle(request: Request) -> Response:
        handler = paths.get(request.path)
        if handler is None:
            there = " ".join(paths)
            return Response(HTTPStatus.NOT_FOUND, f"there is no such page; there are {there}\n".encode())
        if request.method not in {"GET", "HEAD"}:
            return Response(
                HTTPStatus.METHOD_NOT_ALLOWED,
                b"ask with GET\n",
                (("Allow", "GET, HEAD"), ("Content-Type", "text/plain")),
            )
        response = handler(request)
        counted(request.path, response.status.value)
        return response

    return handle
