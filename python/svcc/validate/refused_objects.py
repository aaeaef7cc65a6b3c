"""What EndpointSlices, Nodes and ServiceCIDRs that are refused say all the same, for the rules between objects.

As for Services (`svcc.validate.refused`), a field whose own value is refused says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from svcc.fields import ObjectReference, Problem, Severity, Source
from svcc.model.endpoints import SERVICE_NAME_LABEL, Endpoint, EndpointSlice
from svcc.model.node import Node, ServiceCIDR
from svcc.validate.findings import Findings, Path
from svcc.validate.refused import RefusedService
from svcc.validate.rules import RULES
from svcc.wire.endpoint_slice import endpoint_port
from svcc.wire.structure import Fields, conformed

__all__ = ["Refused", "RefusedSlice", "readable", "refused_object"]

_WRONG_TYPE: Final = "manifest/wrong-type"


@frozen
class RefusedSlice(EndpointSlice):
    """A slice as far as it can be read; `unread` are those of `addressType` and `ports` that cannot be.

    Of its endpoints only their nodes are there.
    """

    unread: frozenset[str] = field(default=frozenset(), kw_only=True)


Refused: TypeAlias = RefusedService | RefusedSlice | Node | ServiceCIDR
"""An object that is refused, as far as it can be read; it is part of no cluster."""


def readable(item: EndpointSlice, name: str) -> bool:
    """Whether it is known what a field of a slice says."""
    return not (isinstance(item, RefusedSlice) and name in item.unread)


def refused_object(
    value: Mapping[str, Any],
    problems: Iterable[Problem],
    shape: Fields,
    set_defaults: Callable[[dict[str, Any]], None],
    check: Callable[[Mapping[str, Any], Findings], None],
    reference: ObjectReference,
    source: Source | None,
) -> Refused | None:
    """Read what can be read of an object that has `problems`; None where that is nothing any rule looks at.

    `shape`, `set_defaults` and `check` are those of its kind, as `svcc.validate.admission` has them.
    """
    read: dict[str, Any] = conformed(value, shape, lambda *_: None, keep_places=True)
    unread = {problem.path.steps for problem in problems if problem.rule == _WRONG_TYPE}
    set_defaults(read)
    # Of a value with fields of a wrong type nothing else has been judged.
    findings = Findings()
    check(read, findings)
    unread.update(
        problem.path.steps
        for problem in findings.problems
        if problem.severity is Severity.ERROR and not RULES[problem.rule].entry_only
    )
    match reference.kind:
        case "EndpointSlice":
            return _slice(read, unread, reference, source)
        case "Node":
            return Node(reference.name, pod_cidrs=_texts(read, "podCIDRs", unread), source=source)
        case "ServiceCIDR":
            return ServiceCIDR(reference.name, cidrs=_texts(read, "cidrs", unread), source=source)
    return None


def _slice(
    read: Mapping[str, Any], unread: Iterable[Path], reference: ObjectReference, source: Source | None
) -> RefusedSlice | None:
    if any(path[:2] in {(), ("metadata",), ("metadata", "labels")} for path in unread):
        return None  # Whose it is cannot be told.
    unknown = {"addressType", "ports"}.intersection(str(path[0]) for path in unread)
    ports = () if "ports" in unknown else read.get("ports", ())
    labels = read.get("metadata", {}).get("labels") or {}
    return RefusedSlice(
        reference.name,
        reference.namespace,
        service_name=labels.get(SERVICE_NAME_LABEL),
        address_type=read.get("addressType", ""),
        endpoints=[Endpoint((), node_name=each.get("nodeName")) for each in read.get("endpoints", ())],
        ports=[endpoint_port(each.get("port"), each.get("name", ""), each.get("protocol", "TCP")) for each in ports],
        labels=labels,
        source=source,
        unread=frozenset(unknown),
    )


def _texts(read: Mapping[str, Any], name: str, unread: Iterable[Path]) -> tuple[str, ...]:
    """The texts of a list in `spec`, each at its place, those that are refused being empty."""
    refused = set(unread)
    if refused & {(), ("spec",), ("spec", name)}:
        return ()
    found = read.get("spec", {}).get(name, ())
    return tuple("" if ("spec", name, index) in refused else text for index, text in enumerate(found))
