"""What a Service that is refused says all the same: the rules between objects and of updates look at that, too.

Else what several objects claim would show only when the last of them is in order by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
from attrs import field, frozen

from svcc.addresses import canonical_address
from svcc.fields import ObjectReference, Problem, Severity, Source
from svcc.model.service import HEADLESS, Service, ServiceType
from svcc.validate.findings import Findings, Path
from svcc.validate.rules import RULES
from svcc.validate.service import check_service
from svcc.wire.service import SERVICE, service_from, set_service_defaults
from svcc.wire.service_update import prepare_update
from svcc.wire.structure import conformed

__all__ = ["RefusedService", "is_unread", "refused_service"]

_TYPE: Final[Path] = ("spec", "type")
_WRONG_TYPE: Final = "manifest/wrong-type"
# The addresses are in order; what is missing is `clusterIP`.
_NOT_OF_THE_VALUE: Final = frozenset({"service/cluster-ips-without-cluster-ip"})


@frozen
class RefusedService(Service):
    """A Service as far as it can be read; it is part of no cluster.

    Fields that are refused, whose paths are in `unread`, are as if they were absent; addresses in lists that are none
    stand there as they were written. A port whose number or protocol is refused has the number 0.
    """

    unread: frozenset[Path] = field(default=frozenset(), kw_only=True)
    _above: frozenset[Path] = field(init=False, repr=False, eq=False)

    @_above.default
    def _parents(self) -> frozenset[Path]:
        return frozenset(path[:length] for path in self.unread for length in range(len(path)))

    def has_unread(self, path: Path) -> bool:
        """Whether the field at `path`, something in it or what it is in is refused."""
        return path in self._above or any(path[:length] in self.unread for length in range(len(path) + 1))


def is_unread(service: Service, *path: str | int | tuple[str]) -> bool:
    """Whether nobody knows what a field says, since the Service is refused for it: see `RefusedService.has_unread`."""
    return isinstance(service, RefusedService) and service.has_unread(path)


def refused_service(
    value: Mapping[str, Any],
    problems: Iterable[Problem],
    reference: ObjectReference,
    source: Source | None,
    before: Service | None,
) -> RefusedService:
    """Read what can be read of a Service that has `problems`; see `svcc.validate.admission.admit` for `before`.

    A type that is refused is taken for LoadBalancer, where all counts that a Service can name, or for ClusterIP where
    the Service is headless.
    """
    read: dict[str, Any] = conformed(value, SERVICE, lambda *_: None, keep_places=True)
    unread = {problem.path.steps for problem in problems if problem.rule == _WRONG_TYPE}
    spec = read.setdefault("spec", {})
    if _TYPE in unread or spec.get("type", "") not in ("", *ServiceType):
        unread.add(_TYPE)
        is_none = HEADLESS in (spec.get("clusterIP"), *spec.get("clusterIPs", ())[:1])
        spec["type"] = "ClusterIP" if is_none else "LoadBalancer"
    set_service_defaults(read)
    if before is not None:
        prepare_update(read, before)
    # Of a value with fields of a wrong type nothing else has been judged, and a wrong type has refused other fields.
    findings = Findings()
    check_service(read, findings)
    for problem in findings.problems:
        path = problem.path.steps
        if problem.severity is not Severity.ERROR or RULES[problem.rule].entry_only:
            continue
        if path[0] != "metadata" and problem.rule not in _NOT_OF_THE_VALUE:
            unread.add(path)
            if path == ("spec", "clusterIPs"):
                unread.add(("spec", "clusterIP"))
    if ("spec", "clusterIP") in unread and not spec.get("clusterIPs"):
        unread.add(("spec", "clusterIPs"))
    for path in unread:
        for each in _lost_with(path):
            _forget(read, each)
    for port in read.get("spec", {}).get("ports", ()):
        port.setdefault("port", 0)
    read["metadata"] = {**read.get("metadata", {}), "name": reference.name, "namespace": reference.namespace}
    service = service_from(read, reference.namespace, source)
    return RefusedService(**attrs.asdict(service, recurse=False), unread=frozenset(unread))


def _lost_with(path: Path) -> Iterator[Path]:
    """What cannot be read for `path` is refused."""
    match path:
        case ("spec", "type"):
            pass
        case ("spec", "ipFamilies", *_):
            yield ("spec", "ipFamilies")
        case ("spec", "ports", int()) | ("spec", "ports", int(), "protocol"):
            yield (*path[:3], "protocol")
            yield (*path[:3], "port")
        case _:
            yield path


def _forget(value: Any, path: Path) -> None:
    """Take away what stands at `path`, if anything does; in lists of addresses nothing stands there then."""
    *parents, last = (step[0] if isinstance(step, tuple) else step for step in path)
    for step in parents:
        value = _inside(value, step)
    if isinstance(value, dict):
        value.pop(last, None)
    elif isinstance(last, int) and canonical_address(_inside(value, last) or "") is not None:
        value[last] = ""


def _inside(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, dict) else None
