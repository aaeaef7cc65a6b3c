"""What ``svcc node status`` shows, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from svcc.dataplane.document import API_VERSION
from svcc.fields import ObjectReference, Problem
from svcc.node.probes import timestamp
from svcc.node.state import Change, Clock, NodeState, SourceFault, Sync
from svcc.report.problem_documents import problem_document
from svcc.sources.told import KEPT

__all__ = ["status_document", "troubles", "waiting_words"]

_MOST_FAULTS: Final = 3
"""How many are told one by one where a sentence is wanted."""


def troubles(state: NodeState, clock: Clock, health_timeout_seconds: float) -> Iterator[str]:
    """Why the node is not as it should be, each in a sentence; none where it is healthy.

    Problems of what is declared are no trouble of the node, nor is drift that was repaired, nor that it will be
    deleted. That a file cannot be read is one: what is declared now is not what is served, as far as anybody knows. No
    other process would help there, so none of the probes mind.
    """
    if not state.source.is_complete:
        yield f"{state.source.name} is not complete yet: nothing is written before all objects are known"
    if state.source.awaited:
        yield waiting_words(state.source.awaited)
    if state.source.trouble:
        yield f"{state.source.name}: {state.source.trouble}"
    elif state.source.is_complete:
        yield from map(_fault_words, state.source.faults[:_MOST_FAULTS])
        if (more := len(state.source.faults) - _MOST_FAULTS) > 0:
            yield f"{more} more files or directories cannot be read"
    if state.last_sync is not None and state.last_sync.error:
        yield f"the last synchronization failed: {state.last_sync.error}"
    if not state.is_live(clock, health_timeout_seconds):
        yield f"a change has been waiting for {_waiting(state, clock):.0f} seconds"
    if state.refused:
        count = len(state.refused)
        yield f"the kernel refuses {count} {'Service' if count == 1 else 'Services'}"


def _fault_words(fault: SourceFault) -> str:
    place = f"{fault.problem.source}: " if fault.problem.source is not None else ""
    return f"{place}{fault.problem.message()}; {KEPT if fault.is_kept else 'nobody knows what it declares'}"


def waiting_words(awaited: Iterable[str]) -> str:
    """What the source waits for, in a sentence."""
    return f"waiting for {'; '.join(awaited)}"


def status_document(
    state: NodeState, clock: Clock, health_timeout_seconds: float, more_problems: Sequence[Problem] = ()
) -> dict[str, Any]:
    """A versioned document; times as RFC 3339 has them, null where something has not happened."""
    counts = state.counts
    why = list(troubles(state, clock, health_timeout_seconds))
    return {
        "apiVersion": API_VERSION,
        "kind": "NodeStatus",
        "node": state.node,
        "version": state.version,
        "time": timestamp(clock.now()),
        "started": timestamp(state.started),
        "healthy": not why,
        "live": state.is_live(clock, health_timeout_seconds),
        "troubles": why,
        "nodeEligible": bool(state.eligibility),
        "beingDeleted": state.eligibility.is_being_deleted,
        "source": {
            "name": state.source.name,
            "complete": state.source.is_complete,
            "waitingFor": list(state.source.awaited),
            "trouble": state.source.trouble or None,
            "unread": [
                {
                    **_place(fault),
                    "message": fault.problem.message(),
                    "since": timestamp(fault.since),
                    "kept": fault.is_kept,
                }
                for fault in state.source.faults
            ],
        },
        "serving": {
            "services": counts.services,
            "servicePorts": counts.service_ports,
            "frontends": counts.frontends,
            "endpoints": counts.endpoints,
            "servicePortsWithoutLocalEndpoints": {
                "internal": counts.internal_without_local,
                "external": counts.external_without_local,
            },
        },
        "healthChecks": [
            {"port": port, **_named(check.service), "localEndpoints": check.local_endpoints}
            for port, check in sorted(state.health_checks.items())
        ],
        "waiting": {
            "seconds": None if state.queued_since is None else round(_waiting(state, clock), 3),
            "services": state.pending_services,
            "endpointSlices": state.pending_endpoints,
        },
        "lastSync": _sync(state.last_sync),
        "lastSuccess": _sync(state.last_success),
        "lastFullSync": _sync(state.last_full_sync),
        "drift": {
            "detected": state.drift.detected,
            "repaired": state.drift.repaired,
            "last": None if state.drift.last is None else _change(state.drift.last),
        },
        "recent": [_change(change) for change in state.recent],
        "refused": [
            {**_named(item.service), "reason": item.words, "script": item.script or None} for item in state.refused
        ],
        "problems": problem_document((*more_problems, *state.problems))["items"],
    }


def _place(fault: SourceFault) -> dict[str, str | int | None]:
    source = fault.problem.source
    return {"file": source.file if source is not None else None, "line": source.line if source is not None else None}


def _waiting(state: NodeState, clock: Clock) -> float:
    return 0.0 if state.queued_since is None else clock.monotonic() - state.queued_since


def _named(service: ObjectReference) -> dict[str, str]:
    return {"namespace": service.namespace, "service": service.name}


def _change(change: Change) -> dict[str, str]:
    return {"time": timestamp(change.at), "words": change.words}


def _sync(sync: Sync | None) -> dict[str, Any] | None:
    if sync is None:
        return None
    return {
        "kind": sync.kind.value,
        "time": timestamp(sync.ended_at),
        "seconds": sync.seconds,
        "operations": sync.operations,
        "error": sync.error or None,
    }
