"""Annotations about load balancing: warnings only, since no mistake in them may cost a Service or an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcc.addresses import canonical_address
from svcc.model.balancing import (
    HASH_KEY_ANNOTATION,
    LOAD_BALANCING_ANNOTATION,
    MOST_WEIGHT,
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

_ON_SERVICES = (HASH_KEY_ANNOTATION, LOAD_BALANCING_ANNOTATION)
_ON_SLICES = (WEIGHT_ANNOTATION, WEIGHTS_ANNOTATION)


def _place(annotation: str) -> Path:
    return ("metadata", "annotations", (annotation,))


def check_balancing(annotations: Mapping[str, str], findings: Findings) -> None:
    """Judge the annotations of a Service."""
    _check_known("service/annotation-not-read", "a Service", _ON_SERVICES, annotations, findings)
    algorithm = annotations.get(LOAD_BALANCING_ANNOTATION)
    if algorithm is not None and algorithm not in tuple(LoadBalancing):
        rule = "service/load-balancing-unsupported"
        findings.unsupported(rule, _place(LOAD_BALANCING_ANNOTATION), algorithm, tuple(LoadBalancing))
    key = annotations.get(HASH_KEY_ANNOTATION)
    if key is None:
        return
    if key not in tuple(HashKey):
        findings.unsupported("service/hash-key-unsupported", _place(HASH_KEY_ANNOTATION), key, tuple(HashKey))
    elif algorithm != LoadBalancing.MAGLEV:
        sentence = f'has no effect unless {LOAD_BALANCING_ANNOTATION} is "{LoadBalancing.MAGLEV}"'
        findings.notice("service/hash-key-without-maglev", _place(HASH_KEY_ANNOTATION), sentence)


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
                rule, _place(annotation), f"svcc reads no such annotation of {kind}, but {' and '.join(known)}"
            )
