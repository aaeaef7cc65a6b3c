"""The status of a node for people: one screen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from svcc.fields import printable

__all__ = ["duration", "status_lines"]

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_MANY: Final = 10
_LABEL_WIDTH: Final = 15


def duration(seconds: float) -> str:
    """A length of time in its two largest units: ``3 h 12 min``, ``12 s``, ``0.8 ms``."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def status_lines(status: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the screen, without ends of line; what is fine is said in few words."""
    # Before it has written anything it is live, as probes say, and what was served before is (S51, S53).
    source = status["source"]
    is_held_back = not source["complete"] and status["waiting"]["seconds"] is not None
    is_starting = status["live"] and status["lastSync"] is None and not source["trouble"] and not is_held_back
    verdict = "healthy" if status["healthy"] else "starting" if is_starting else "NOT HEALTHY"
    up = duration(_age(status, status["started"]))
    yield printable(f"svcc {status['version']} on node {status['node'] or '<none>'}, up {up}: {verdict}")
    for trouble in status["troubles"]:
        yield f"  ! {printable(trouble)}"
    yield ""
    for label, words in _facts(status):
        yield f"{label:<{_LABEL_WIDTH}}{printable(words)}"
    yield from _section("Recent changes", [_event(status, change) for change in reversed(status["recent"])])
    yield from _section("Refused by the kernel", [_refused(item) for item in status["refused"]])
    problems = sorted(status["problems"], key=lambda item: ["error", "warning", "info"].index(item["severity"]))
    yield from _section("Problems", [_problem(item) for item in problems if item["severity"] != "info"])


def _facts(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    serving, waiting, drift, source = (status[key] for key in ("serving", "waiting", "drift", "source"))
    yield "Source", f"{source['name']}, {'complete' if source['complete'] else 'not complete yet'}"
    for number, fault in enumerate(source["unread"][:_MANY]):
        yield "" if number else "Cannot be read", _unread(status, fault)
    if len(source["unread"]) > _MANY:
        yield "", f"and {len(source['unread']) - _MANY} more: see -o json"
    amounts = [("service port", "servicePorts"), ("frontend", "frontends"), ("endpoint", "endpoints")]
    inside = ", ".join(_count(serving[key], what) for what, key in amounts)
    yield "Serving", f"{_count(serving['services'], 'Service')}: {inside}"
    without = serving["servicePortsWithoutLocalEndpoints"]
    if any(without.values()):
        internal, external = without["internal"], without["external"]
        yield "", f"traffic is to stay here, where no endpoint is: {internal} internal, {external} external"
    if checks := status["healthChecks"]:
        ready = sum(check["localEndpoints"] > 0 for check in checks)
        yield "Health checks", f"{_count(len(checks), 'port')}, {ready} with endpoints here"
    yield "Last change", _sync(status, status["lastSuccess"])
    yield "Last verified", _sync(status, status["lastFullSync"])
    if (last := status["lastSync"]) is not None and last["error"]:
        yield "Last failure", f"{_ago(status, last['time'])}: {last['error']}"
    if waiting["seconds"] is not None:
        what = f"{_count(waiting['services'], 'Service')}, {_count(waiting['endpointSlices'], 'EndpointSlice')}"
        yield "Waiting", f"for {duration(waiting['seconds'])}: {what}"
    if drift["detected"]:
        last_words = f"; {_event(status, drift['last'])}" if drift["last"] else ""
        yield "Drift", f"found {_times(drift['detected'])}, repaired {_times(drift['repaired'])}{last_words}"
    if not status["nodeEligible"]:
        why = "is being deleted" if status["beingDeleted"] else "will be deleted by the cluster autoscaler"
        yield "Node", f"{why}: balancers are told to go elsewhere"


def _unread(status: Mapping[str, Any], fault: Mapping[str, Any]) -> str:
    what = fault["file"] or fault["message"].removeprefix("cannot read ")
    return f"{what}, for {duration(_age(status, fault['since']))}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield title
    for line in lines[:_MANY]:
        yield f"  {printable(line)}"
    if len(lines) > _MANY:
        yield f"  and {len(lines) - _MANY:,} more: see -o json".replace(",", " ")


def _sync(status: Mapping[str, Any], sync: Mapping[str, Any] | None) -> str:
    if sync is None:
        return "never"
    operations = _count(sync["operations"], "operation") if sync["operations"] else "nothing to do"
    return f"{_ago(status, sync['time'])}: {operations}, {duration(sync['seconds'])}"


def _event(status: Mapping[str, Any], change: Mapping[str, str]) -> str:
    return f"{_ago(status, change['time'])}: {change['words']}"


def _refused(item: Mapping[str, Any]) -> str:
    kept = f" (script: {item['script']})" if item["script"] else ""
    return f"{item['namespace']}/{item['service']}: {item['reason']}{kept}"


def _problem(item: Mapping[str, Any]) -> str:
    place = f"{item['file']}:{item['line']}: " if item["file"] else ""
    found = item["object"]
    name = "" if found is None else "/".join(part for part in (found["namespace"], found["name"]) if part)
    subject = "" if found is None else f"{found['kind']} {name}: "
    return f"{place}{item['severity']}: {subject}{item['message']}"


def _ago(status: Mapping[str, Any], time: str) -> str:
    return f"{duration(_age(status, time))} ago"


def _age(status: Mapping[str, Any], time: str) -> float:
    """Seconds on the node's own clock; none are negative, whatever that clock did."""
    now, then = (dt.datetime.fromisoformat(text) for text in (status["time"], time))
    return max(0.0, (now - then).total_seconds())


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}".replace(",", " ")
