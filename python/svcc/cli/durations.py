"""Options that are lengths of time, as Go writes them: ``500ms``, ``30s``, ``1m30s``; a bare number is seconds."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from svcc.periods import seconds_of

__all__ = ["Duration"]

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


class Duration(click.ParamType[float]):
    """The type of such an option, whose value is in seconds: at least zero, or more than that, and at most `most`."""

    name = "duration"

    def __init__(self, *, is_positive: bool = False, most: str = "2562047h") -> None:
        self._is_positive = is_positive
        self._most = most
        self._most_seconds = seconds_of(most) or 0.0

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds that a text means."""
        text = str(value).strip()
        seconds = seconds_of(f"{text}s" if _NUMBER.fullmatch(text) else text)
        if seconds is None or seconds < 0:
            self.fail(f"{value!r} is no length of time, such as 500ms, 30s, 1m30s or 1h", param, ctx)
        if self._is_positive and not seconds:
            self.fail(f"{value!r} is no time at all", param, ctx)
        if seconds > self._most_seconds:
            self.fail(f"{value!r} is longer than {self._most}", param, ctx)
        return seconds
