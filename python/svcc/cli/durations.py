"""Lengths of time as flags have them in this field: ``500ms``, ``30s``, ``1m30s``, ``1h``; a bare number is seconds."""

from __future__ import annotations

import re
from typing import Any, Final

import click

__all__ = ["DURATION"]

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|h|m|s)", re.ASCII)
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds that a text means."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip()
        if _NUMBER.fullmatch(text):
            return float(text)
        if not _WHOLE.fullmatch(text):
            self.fail(f"{value!r} is no length of time, such as 500ms, 30s, 1m30s or 1h", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


DURATION: Final = _Duration()
"""The type of such an option; its value is in seconds."""
