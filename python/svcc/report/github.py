"""Commands of GitHub's workflows, which become annotations.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svcc.fields import Severity, printable

__all__ = ["COMMANDS", "command"]

COMMANDS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def command(name: str, properties: Mapping[str, str], lines: Sequence[str]) -> str:
    """One command, a line with its end; `lines` are those of its message."""
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{'%0A'.join(_data(line) for line in lines)}\n"


def _data(text: str) -> str:
    """A line of the message; ends of line inside of it are escaped as all control characters are."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
