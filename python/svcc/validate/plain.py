"""The quick way for objects that are plainly fine, as almost all objects of a large cluster are.

The functions here and in `plain_service` and `plain_endpoint_slice` answer "yes" only when the rules of this package
would report nothing, not even a warning; every doubt is a "no", and the thorough way decides. Both ways must yield
equal objects: tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from svcc.validate.balancing import OWN_PREFIX
from svcc.validate.service_addresses import SOURCE_RANGES_ANNOTATION
from svcc.validate.service_warnings import TOPOLOGY_HINTS_ANNOTATION
from svcc.wire.metadata import METADATA
from svcc.wire.written import WrittenObject

__all__ = [
    "DOUBT",
    "PROTOCOLS",
    "annotations_are_plain",
    "is_known_subdomain",
    "is_label",
    "is_label_value",
    "is_old_label",
    "labels_are_plain",
    "metadata_is_plain",
    "metadata_of",
]

_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_LABELS = rf"{_LABEL}(?:\.{_LABEL})*"
_NAME = "[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

is_label = re.compile(_LABEL).fullmatch
is_old_label = re.compile("[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
is_label_value = re.compile(f"(?:{_NAME})?").fullmatch
_is_subdomain = re.compile(rf"(?=.{{1,253}}\Z){_LABELS}").fullmatch
_is_key = re.compile(rf"(?:(?=[^/]{{1,253}}/){_LABELS}/)?{_NAME}").fullmatch
# Days after the 28th and other centuries are left to a real parser.
_is_utc_time = re.compile(
    "20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
).fullmatch

DOUBT = (KeyError, TypeError, AttributeError, ValueError, OSError, IndexError)
"""What reading a value of an unexpected shape raises."""

_METADATA = ("namespace", "labels", "creationTimestamp", "generateName", "annotations")
PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
_MOST_ANNOTATION_CHARACTERS = 256 * 1024 // 4  # no character takes more than four bytes of the 256 KiB


@lru_cache(maxsize=16384)
def is_known_subdomain(text: str) -> bool:
    """Whether a text is a DNS subdomain; for names that come again and again."""
    return _is_subdomain(text) is not None


@lru_cache(maxsize=16384)
def _is_known_key(text: str) -> bool:
    return _is_key(text) is not None


def labels_are_plain(labels: Mapping[str, str]) -> bool:
    """Whether labels or a selector are in order. Raises one of `DOUBT` if they are no map of strings."""
    for key, value in labels.items():  # noqa: SIM110  (a generator takes twice as long)
        if not _is_known_key(key) or not is_label_value(value):
            return False
    return True


def metadata_of(value: Mapping[str, Any]) -> Any:
    """The metadata of an object, as far as `METADATA` reads it; raises one of `DOUBT` if there are none."""
    # Of the fields that nobody reads this one is larger than all that are read.
    return value.without("metadata", "managedFields") if type(value) is WrittenObject else value["metadata"]


def metadata_is_plain(metadata: Mapping[str, Any]) -> bool:
    """Whether all metadata but the name are in order. Raises one of `DOUBT` for some that are not."""
    namespace, labels, time, generated, annotations = map(metadata.get, _METADATA)
    if not METADATA.known.issuperset(metadata):
        return False
    if namespace is not None and not is_label(namespace):
        return False
    if labels is not None and not labels_are_plain(labels):
        return False
    if time is not None and not _is_utc_time(time):
        return False
    if generated is not None and type(generated) is not str:
        return False
    return annotations is None or annotations_are_plain(annotations)


def annotations_are_plain(annotations: Mapping[str, Any]) -> bool:
    """Whether annotations are in order, and of none that svcc reads. Raises one of `DOUBT` if they are no map."""
    size = 0
    for key, text in annotations.items():
        if type(text) is not str or not _is_known_key(key):
            return False
        if key.startswith(OWN_PREFIX):
            return False
        size += len(key) + len(text)
    return (
        size <= _MOST_ANNOTATION_CHARACTERS
        and TOPOLOGY_HINTS_ANNOTATION not in annotations
        and SOURCE_RANGES_ANNOTATION not in annotations
    )
