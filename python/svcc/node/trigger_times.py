"""How long a change took from its cause to the kernel: what kube-proxy calls the network programming duration.

The EndpointSlice controller notes on a slice when the change of a pod or Service happened that made it write the slice.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from svcc.addresses import IPFamily
from svcc.fields import ObjectReference
from svcc.model.endpoints import EndpointSlice

__all__ = ["TRIGGER_TIME_ANNOTATION", "TriggerTimes", "trigger_time"]

TRIGGER_TIME_ANNOTATION: Final = "endpoints.kubernetes.io/last-change-trigger-time"
_RFC_3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def trigger_time(annotations: Mapping[str, str]) -> float | None:
    """When the last change was caused, in Unix seconds; None where nobody says, or not as RFC 3339 has it."""
    match = _RFC_3339.fullmatch(annotations.get(TRIGGER_TIME_ANNOTATION, ""))
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    try:
        moment = dt.datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.timestamp() + float(fraction or 0)


class TriggerTimes:
    """The causes of changes that are not in the kernel yet.

    What was caused before `started` (Unix seconds) waited for this process and is left out, as is a slice that comes
    again with the cause it had. Of a slice that changes again before it is in the kernel, the first cause counts.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._waiting: dict[ObjectReference, tuple[IPFamily, float]] = {}

    def changed(self, before: EndpointSlice | None, after: EndpointSlice | None) -> None:
        """A slice has changed; None where it was not, or is not, there."""
        if after is None:
            if before is not None:
                self._waiting.pop(before.reference, None)
            return
        cause = trigger_time(after.annotations)
        if cause is None or cause <= self._started or (before and trigger_time(before.annotations) == cause):
            return
        family = next((family for family in IPFamily if family.value == after.address_type), None)
        if family is not None:
            self._waiting.setdefault(after.reference, (family, cause))

    def take(self, now: float) -> list[tuple[IPFamily, float]]:
        """The seconds that each change took, now that all are in the kernel; at least 0, whatever the clocks say."""
        taken = [(family, max(0.0, now - cause)) for family, cause in self._waiting.values()]
        self._waiting = {}
        return taken
