"""Annotations about load balancing: warnings only, since no mistake in them may cost a Service or an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcc.addresses import canonical_address
from svcc.model.balancing import (
    HASH_KEY_ANNOTATION,
    LOAD_BALANCING_ANNOTATION,
    MOST_WEIGHT,
    TABLE_SIZE_ANNOTATION,
    TABLE_SIZES,
    WEIGHT_ANNOTATION,
    WEIGHTS_ANNOTATION,
    HashKey,
    LoadBalancing,
    slice_weights,
    weight_of,
)
from svcc.validate.findings import Findings, Path

__all__ = ["OWN_PREFIX", "check_balancing", "check_weights"]

OWN_PREFIX = "svcc.dev/"
"""What the keys of svcc's own annotations begin with."""

_ON_SERVICES = (HASH_KEY_ANNOTATION, LOAD_BALANCING_ANNOTATION, TABLE_SIZE_ANNOTATION)
_ON_SLICES = (WEIGHT_ANNOTATION, WEIGHTS_ANNOTATION)


def _place(annotation: str) -> Path:
    return ("metadata", "annotations", (annotation,))


def check_balancing(annotations: Mapping[str, str], findings: Findings) -> None:
    """Judge the annotations of a Service."""
    _check_known("service/annotation-not-read", "a Service", _ON_SERVICES, annotations, findings)
    supported: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        (LOAD_BALANCING_ANNOTATION, "service/load-balancing-unsupported", tuple(LoadBalancing)),
        (HASH_KEY_ANNOTATION, "service/hash-key-unsupported", tuple(HashKey)),
        (TABLE_SIZE_ANNOTATION, "service/table-size-unsupported", tuple(map(str, TABLE_SIZES))),
    )
    is_maglev = annotations.get(LOAD_BALANCING_ANNOTATION) == LoadBalancing.MAGLEV
    for annotation, rule, values in supported:
        text = annotations.get(annotation)
        if text is not None and text not in values:
            findings.unsupported(rule, _place(annotation), text, values)
        elif text is not None and annotation != LOAD_BALANCING_ANNOTATION and not is_maglev:
            sentence = f'has no effect unless {LOAD_BALANCING_ANNOTATION} is "{LoadBalancing.MAGLEV}"'
            findings.notice("service/hashing-without-maglev", _place(annotation), sentence)


def check_weights(value: Mapping[str, Any], findings: Findings) -> None:
    """Judge the annotations of an EndpointSlice."""
    annotations = value.get("metadata", {}).get("annotations", {})
    _check_known("endpoint-slice/annotation-not-read", "an EndpointSlice", _ON_SLICES, annotations, findings)
    weights = slice_weights(annotations)
    if weights is None:
        return
    limits = f"must be between 0 and {MOST_WEIGHT}, inclusive"
    common = annotations.get(WEIGHT_ANNOTATION)
    if common is not None and weight_of(common) is None:
        findings.invalid("endpoint-slice/weight-invalid", _place(WEIGHT_ANNOTATION), common, limits)
    place = _place(WEIGHTS_ANNOTATION)
    for entry in weights.unreadable:
        detail = f"must be an address and its weight, such as 10.244.1.5=3; a weight {limits}"
        findings.invalid("endpoint-slice/weights-invalid", place, entry, detail)
    addresses = {
        canonical_address(address) for each in value.get("endpoints", ()) for address in each.get("addresses", ())[:1]
    }
    for address in weights.single:
        if address not in addresses:
            findings.notice("endpoint-slice/weight-of-nobody", place, f"{address} is no endpoint of this slice")


def _check_known(
    rule: str, kind: str, known: tuple[str, ...], annotations: Mapping[str, str], findings: Findings
) -> None:
    """Point out what looks like an annotation of svcc's and is none, or belongs to another kind of object."""
    for annotation in annotations:
        if annotation.startswith(OWN_PREFIX) and annotation not in known:
            findings.notice(
                rule, _place(annotation), f"svcc reads no such annotation of {kind}, but {', '.join(known)}"
            )
