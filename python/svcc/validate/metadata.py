"""`metadata`: names, labels and annotations (apimachinery, `ValidateObjectMeta`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from svcc.validate.findings import Findings, Path
from svcc.validate.names import dns_label_errors, label_value_errors, qualified_name_errors

__all__ = ["check_label_pairs", "check_metadata"]

_MOST_ANNOTATION_BYTES = 256 * 1024


def check_metadata(
    metadata: Mapping[str, Any], name_errors: Callable[[str], list[str]], findings: Findings, *, namespaced: bool
) -> None:
    """Judge the metadata of an object whose name has the form that `name_errors` asks for.

    An object with `generateName` and no name is refused too: only a server could name it.
    """
    name = metadata.get("name", "")
    if not name:
        generated = "the server would generate one; svcc needs it in the manifest"
        detail = generated if metadata.get("generateName") else "name or generateName is required"
        findings.required("metadata/name-required", ("metadata", "name"), detail)
    else:
        for error in name_errors(name):
            findings.invalid("metadata/name-invalid", ("metadata", "name"), name, error)
    namespace = metadata.get("namespace", "")
    if namespaced and namespace:
        for error in dns_label_errors(namespace):
            findings.invalid("metadata/namespace-invalid", ("metadata", "namespace"), namespace, error)
    _check_timestamp(metadata.get("creationTimestamp", ""), findings)
    check_label_pairs("metadata/label", metadata.get("labels", {}), ("metadata", "labels"), findings)
    _check_annotations(metadata.get("annotations", {}), findings)


def check_label_pairs(rule: str, labels: Mapping[str, str], path: Path, findings: Findings) -> None:
    """Judge labels or a selector (`ValidateLabels`); the rules are `<rule>-key-invalid` and `<rule>-value-invalid`."""
    for key, value in labels.items():
        for error in qualified_name_errors(key):
            findings.invalid(f"{rule}-key-invalid", path, key, error)
        for error in label_value_errors(value):
            findings.invalid(f"{rule}-value-invalid", (*path, (key,)), value, error)


def _check_timestamp(text: str, findings: Findings) -> None:
    """The server refuses such an object while decoding; svcc orders Services by this field (S45)."""
    if not text:
        return
    try:
        has_zone = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone:
        path: Path = ("metadata", "creationTimestamp")
        detail = "must be a time such as 2006-01-02T15:04:05Z"
        findings.invalid("metadata/creation-timestamp-invalid", path, text, detail)


def _check_annotations(annotations: Mapping[str, str], findings: Findings) -> None:
    path: Path = ("metadata", "annotations")
    for key in annotations:
        # The server lower-cases keys first: upper-case letters in the prefix are tolerated.
        for error in qualified_name_errors(key.lower()):
            findings.invalid("metadata/annotation-key-invalid", path, key, error)
    size = sum(_bytes(key) + _bytes(value) for key, value in annotations.items())
    if size > _MOST_ANNOTATION_BYTES:
        findings.too_long("metadata/annotations-too-long", path, _MOST_ANNOTATION_BYTES)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
