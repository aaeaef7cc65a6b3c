"""From the JSON value of one object to the model: typed, defaulted, judged, as a server admits an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from svcc.fields import ObjectReference, Problem, Severity, Source
from svcc.model.cluster import ClusterObject
from svcc.model.service import Service
from svcc.model.unconverted import maker
from svcc.validate.endpoint_slice import check_endpoint_slice
from svcc.validate.findings import Findings
from svcc.validate.node import check_node, check_service_cidr
from svcc.validate.plain_endpoint_slice import plain_endpoint_slice
from svcc.validate.plain_service import plain_service
from svcc.validate.refused import refused_service
from svcc.validate.refused_objects import Refused, refused_object
from svcc.validate.rules import RULES
from svcc.validate.service import check_service
from svcc.validate.written import check_written
from svcc.validate.wrong_types import can_be_judged, independent_problems
from svcc.wire.endpoint_slice import ENDPOINT_SLICE, endpoint_slice_from, set_endpoint_slice_defaults
from svcc.wire.node import NODE, SERVICE_CIDR, node_from, service_cidr_from, set_node_defaults
from svcc.wire.service import SERVICE, service_from, set_service_defaults
from svcc.wire.service_update import prepare_update
from svcc.wire.structure import Fields, conformed

__all__ = ["ENTRY_ONLY_RULES", "Admission", "admit", "is_fatal", "problems_in", "reference_of"]

ENTRY_ONLY_RULES = frozenset(rule.id for rule in RULES.values() if rule.entry_only)
"""Errors that cost an entry of a list and not the object: see the package's description."""

DEFAULT_NAMESPACE = "default"


@frozen
class Admission:
    """What became of one object: `item` is None if a problem is fatal, and `refused` what it says even then."""

    item: ClusterObject | None
    problems: list[Problem]
    refused: Refused | None = None


_admission: Final = maker(Admission, ("item", "problems"))


@frozen
class _Kind:
    """How objects of one kind are read."""

    shape: Fields
    set_defaults: Callable[[dict[str, Any]], None]
    check: Callable[[Mapping[str, Any], Findings], None]
    build: Callable[[Mapping[str, Any], str, Source | None], ClusterObject]
    namespaced: bool
    plain: Callable[[Mapping[str, Any], str, Source | None], ClusterObject | None] | None = None


_KINDS: Mapping[str, _Kind] = {
    "Service": _Kind(SERVICE, set_service_defaults, check_service, service_from, namespaced=True, plain=plain_service),
    "EndpointSlice": _Kind(
        ENDPOINT_SLICE,
        set_endpoint_slice_defaults,
        check_endpoint_slice,
        endpoint_slice_from,
        namespaced=True,
        plain=plain_endpoint_slice,
    ),
    "Node": _Kind(
        NODE, set_node_defaults, check_node, lambda value, _, source: node_from(value, source), namespaced=False
    ),
    "ServiceCIDR": _Kind(
        SERVICE_CIDR,
        lambda _: None,
        check_service_cidr,
        lambda value, _, source: service_cidr_from(value, source),
        namespaced=False,
    ),
}


def is_fatal(problem: Problem) -> bool:
    """Whether a problem leaves the whole object out."""
    return problem.severity is Severity.ERROR and problem.rule not in ENTRY_ONLY_RULES


def admit(
    kind: str,
    value: Mapping[str, Any],
    namespace: str = DEFAULT_NAMESPACE,
    source: Source | None = None,
    *,
    before: ClusterObject | None = None,
) -> Admission:
    """Read one object of a kind svcc reads; `namespace` is for objects that name none.

    With `before`, the same object as it was, the object is judged as an update of it: what a Service of another type
    leaves behind is wiped first (see `svcc.validate.update`, which knows what an update may not change).

    Problems come in the server's order, those of wrong types first; beside these only problems are told that do not
    follow from them, which a server would tell when they are mended.

    Raises:
        KeyError: svcc does not read objects of this kind.
    """
    reader = _KINDS[kind]
    plain = None if reader.plain is None else reader.plain(value, namespace, source)
    if plain is not None and (source is None or source.rewritten is None):
        return _admission(plain, [])
    reference = reference_of(kind, value, namespace)
    findings = Findings(reference, source)
    read = _examined(kind, value, findings, before)
    check_written(reader.shape, source, findings)
    problems = findings.problems
    if not any(map(is_fatal, problems)):
        return Admission(reader.build(read, namespace, source), problems)
    if kind != "Service":
        kept = refused_object(value, problems, reader.shape, reader.set_defaults, reader.check, reference, source)
        return Admission(None, problems, kept)
    stored = before if isinstance(before, Service) else None
    return Admission(None, problems, refused_service(value, problems, reference, source, stored))


def problems_in(kind: str, value: Mapping[str, Any], subject: ObjectReference, source: Source | None) -> list[Problem]:
    """What is wrong with one object in the form the API has it.

    Raises:
        KeyError: svcc does not read objects of this kind.
    """
    reader = _KINDS[kind]
    if reader.plain is not None and reader.plain(value, DEFAULT_NAMESPACE, None) is not None:
        return []
    findings = Findings(subject, source)
    _examined(kind, value, findings, None)
    return findings.problems


def _examined(kind: str, value: Mapping[str, Any], findings: Findings, before: ClusterObject | None) -> dict[str, Any]:
    reader = _KINDS[kind]
    read: dict[str, Any] = conformed(
        value, reader.shape, findings.wrong_type, report_unknown=findings.unknown_field, keep_places=True
    )
    wrong = [problem.path.steps for problem in findings.problems if problem.severity is Severity.ERROR]
    if wrong and not can_be_judged(kind, wrong):
        return read
    reader.set_defaults(read)
    if isinstance(before, Service):
        prepare_update(read, before)
    if not wrong:
        reader.check(read, findings)
        return read
    others = findings.of_same_object()
    reader.check(read, others)
    findings.extend(independent_problems(others.problems, wrong))
    return read


def reference_of(kind: str, value: Mapping[str, Any], namespace: str = DEFAULT_NAMESPACE) -> ObjectReference:
    """The object's name for reports, as far as the value has one; `namespace` is for objects that name none.

    Raises:
        KeyError: svcc does not read objects of this kind.
    """
    if not _KINDS[kind].namespaced:
        namespace = ""
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping):
        return ObjectReference(kind, "", namespace)
    name = metadata.get("name")
    own_namespace = metadata.get("namespace") if namespace else ""
    return ObjectReference(
        kind,
        name if isinstance(name, str) else "",
        own_namespace if isinstance(own_namespace, str) and own_namespace else namespace,
    )
