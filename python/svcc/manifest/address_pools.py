"""Address pools and namespaces as manifests write them: what `svcc allocate` needs beyond the cluster's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field

from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
from svcc.model.address_pool import (
    AddressPool,
    AddressRange,
    LabelRequirement,
    LabelSelector,
    Namespace,
    SelectorOperator,
    ServiceAllocation,
)
from svcc.validate.findings import hint_of_name
from svcc.wire.metadata import METADATA, TYPE_META
from svcc.wire.structure import Fields, Items, Scalar, conformed, type_name

__all__ = ["address_pool", "namespace_labels"]

_Path = tuple[str | int | tuple[str], ...]

_SELECTOR = Fields(
    {
        "matchLabels": Scalar.STRING_MAP,
        "matchExpressions": Items(
            Fields({"key": Scalar.STRING, "operator": Scalar.STRING, "values": Items(Scalar.STRING)})
        ),
    }
)
_POOL = Fields(
    {
        "metadata": METADATA,
        "spec": Fields(
            {
                "addresses": Items(Scalar.STRING),
                "autoAssign": Scalar.BOOLEAN,
                "avoidBuggyIPs": Scalar.BOOLEAN,
                "serviceAllocation": Fields(
                    {
                        "priority": Scalar.INTEGER,
                        "namespaces": Items(Scalar.STRING),
                        "namespaceSelectors": Items(_SELECTOR),
                        "serviceSelectors": Items(_SELECTOR),
                    }
                ),
            }
        ),
    },
    unread=TYPE_META | {"status"},
)
_NAMESPACE = Fields({"metadata": METADATA})
_SPEC: _Path = ("spec",)
_ALLOCATION: _Path = ("spec", "serviceAllocation")


@define
class _Findings:
    """What is wrong with one object."""

    subject: ObjectReference
    source: Source | None
    problems: list[Problem] = field(factory=list)

    def add(self, rule: str, kind: ProblemKind, path: _Path, detail: str, value: Any = None) -> None:
        where = FieldPath(path)
        source = self.source.at(where) if self.source is not None else None
        self.problems.append(Problem(rule, kind, where, detail, value, self.subject, source))

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def unknown_field(self, path: _Path, known: frozenset[str]) -> None:
        """A field that MetalLB does not have: an API server prunes it, or refuses it if asked to be strict."""
        self.add("manifest/unknown-field", ProblemKind.SENTENCE, path, f'unknown field "{FieldPath(path)}"')
        hint = hint_of_name(str(path[-1]), sorted(known))
        self.problems[-1] = evolve(self.problems[-1], severity=Severity.WARNING, hint=hint)

    def wrong_type(self, path: _Path, wanted: str, value: Any) -> None:
        """A JSON value of another type; worded as structural schemas of the API server do."""
        found = type_name(value)
        detail = f'{FieldPath(path)} in body must be of type {wanted}: "{found}"'
        self.add("manifest/wrong-type", ProblemKind.INVALID, path, detail, found)


def address_pool(value: Mapping[str, Any], source: Source | None) -> tuple[AddressPool | None, list[Problem]]:
    """The pool that an IPAddressPool declares, or None, and what is wrong with it, as MetalLB judges it.

    MetalLB uses no pool at all while one is wrong; here the others are used, and the problem is told.
    Rules: ``pool/…``.
    """
    findings = _Findings(_reference(value, "IPAddressPool"), source)
    read = conformed(value, _POOL, findings.wrong_type, report_unknown=findings.unknown_field)
    metadata, spec = read.get("metadata", {}), read.get("spec", {})
    if not metadata.get("name"):
        findings.add("pool/name-required", ProblemKind.REQUIRED, ("metadata", "name"), "name is required")
    addresses = spec.get("addresses", [])
    if not addresses:
        findings.add(
            "pool/addresses-required", ProblemKind.REQUIRED, (*_SPEC, "addresses"), "pool has no prefixes defined"
        )
    for index, text in enumerate(addresses):
        try:
            AddressRange.of(text)
        except ValueError as error:
            path: _Path = (*_SPEC, "addresses", index)
            findings.add("pool/address-invalid", ProblemKind.INVALID, path, str(error), text)
    allocation = spec.get("serviceAllocation")
    if allocation is not None:
        _check_allocation(allocation, findings)
    if findings.has_errors:
        return None, findings.problems
    pool = AddressPool(
        metadata["name"],
        addresses,
        auto_assign=spec.get("autoAssign", True),
        avoid_buggy_ips=spec.get("avoidBuggyIPs", False),
        service_allocation=None if allocation is None else _allocation(allocation),
        namespace=metadata.get("namespace", ""),
        source=source,
    )
    return pool, findings.problems


def namespace_labels(value: Mapping[str, Any], source: Source | None) -> tuple[Namespace | None, list[Problem]]:
    """The namespace that is declared, or None where it has no name or its labels are no labels."""
    findings = _Findings(_reference(value, "Namespace"), source)
    metadata = conformed(value, _NAMESPACE, findings.wrong_type).get("metadata", {})
    if not metadata.get("name") or findings.problems:
        return None, findings.problems
    return Namespace(metadata["name"], labels=metadata.get("labels")), []


def _reference(value: Mapping[str, Any], kind: str) -> ObjectReference:
    metadata = value.get("metadata")
    found = metadata if isinstance(metadata, Mapping) else {}
    return ObjectReference(kind, str(found.get("name") or ""), str(found.get("namespace") or ""))


def _check_allocation(allocation: Mapping[str, Any], findings: _Findings) -> None:
    namespaces = allocation.get("namespaces", [])
    for index, name in enumerate(namespaces):
        if name in namespaces[:index]:
            path: _Path = (*_ALLOCATION, "namespaces", index)
            findings.add("pool/namespace-duplicate", ProblemKind.DUPLICATE, path, "", name)
    for name in ("namespaceSelectors", "serviceSelectors"):
        for index, selector in enumerate(allocation.get(name, [])):
            for place, expression in enumerate(selector.get("matchExpressions", [])):
                _check_expression(expression, (*_ALLOCATION, name, index, "matchExpressions", place), findings)


def _check_expression(expression: Mapping[str, Any], path: _Path, findings: _Findings) -> None:
    """`LabelSelectorAsSelector` of apimachinery: In and NotIn need values, Exists and DoesNotExist forbid them."""
    operator, values = expression.get("operator", ""), expression.get("values", [])
    if operator not in set(SelectorOperator):
        supported = ", ".join(f'"{known}"' for known in sorted(SelectorOperator))
        detail = f"supported values: {supported}"
        findings.add("pool/selector-operator", ProblemKind.UNSUPPORTED, (*path, "operator"), detail, operator)
    elif operator in (SelectorOperator.IN, SelectorOperator.NOT_IN) and not values:
        findings.add(
            "pool/selector-values",
            ProblemKind.REQUIRED,
            (*path, "values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )
    elif operator in (SelectorOperator.EXISTS, SelectorOperator.DOES_NOT_EXIST) and values:
        findings.add(
            "pool/selector-values",
            ProblemKind.FORBIDDEN,
            (*path, "values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )


def _allocation(value: Mapping[str, Any]) -> ServiceAllocation:
    return ServiceAllocation(
        value.get("priority", 0),
        value.get("namespaces"),
        [_selector(entry) for entry in value.get("namespaceSelectors", ())],
        [_selector(entry) for entry in value.get("serviceSelectors", ())],
    )


def _selector(value: Mapping[str, Any]) -> LabelSelector:
    expressions = [
        LabelRequirement(entry.get("key", ""), entry["operator"], entry.get("values"))
        for entry in value.get("matchExpressions", ())
    ]
    return LabelSelector(value.get("matchLabels"), expressions)
