"""SARIF 2.1.0, which code scanning and editors read: the parts that all reports of svcc share.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; section numbers in comments are of that document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any
from urllib.parse import quote

from svcc.fields import Severity, Source, printable

__all__ = ["LEVELS", "artifact", "physical_location", "quoted", "sarif_log", "tool"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif_log(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of these runs."""
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": list(runs)}


def tool(rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """svcc, and all that it may report; results name rules by their place."""
    return {"driver": {"name": "svcc", "semanticVersion": metadata.version("svcc"), "rules": list(rules)}}


def physical_location(source: Source | None) -> dict[str, Any] | None:
    """A line of a file, or a file where no line is known."""
    if source is None:
        return None
    region = {"region": {"startLine": source.line}} if source.line > 0 else {}
    return {**artifact(source.file), **region}


def artifact(file: str) -> dict[str, Any]:
    """A file, as a URI."""
    path = quoted(file, safe="/")
    if path.startswith("/"):
        path = f"file:///{path.lstrip('/')}"
    return {"artifactLocation": {"uri": path or "."}}


def quoted(text: str, *, safe: str) -> str:
    """As part of a URI; the bytes of a file name that are no UTF-8 stay those bytes."""
    try:
        return quote(text, safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(printable(text), safe=safe)
