"""Lengths of time as Kubernetes writes them, which is as Go does: ``500ms``, ``30s``, ``1m30s``, ``1.5h``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["seconds_of"]

_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE: Final = re.compile(rf"([-+]?)(0|(?:{_PART.pattern})+)", re.ASCII)
_NANOSECONDS: Final[dict[str, float]] = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 6e10,
    "h": 3.6e12,
}
_MOST_NANOSECONDS = 2**63 - 1


def seconds_of(text: str) -> float | None:
    """The seconds that a text means, by the rules of Go's ``time.ParseDuration``; None where these refuse it.

    A number alone has no unit, so only ``0`` is one; 292 years are the most.

    >>> seconds_of("1m30s"), seconds_of("-500ms"), seconds_of("30")
    (90.0, -0.5, None)
    """
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    nanoseconds = sum(float(number) * _NANOSECONDS[unit] for number, unit in _PART.findall(found[2]))
    if nanoseconds > _MOST_NANOSECONDS:
        return None
    return (-nanoseconds if found[1] == "-" else nanoseconds) / 1e9
