"""Audit reports in every format there is; all formats tell the same findings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from svcc.auditing.finding import AuditReport
from svcc.report.audit_formats import SUFFIXES

__all__ = ["FORMATS", "render"]

FORMATS = tuple(SUFFIXES)


def render(
    reports: Sequence[AuditReport],
    format: str,  # noqa: A002  (as the option is called)
    *,
    color: bool = False,
    show_suppressed: bool = False,
    width: int | None = None,
) -> Iterator[str]:
    """Reports, one for each node, in one of `FORMATS`; the pieces belong together as they stand.

    The same reports give the same bytes. Text from manifests and dumps is escaped for the format and for terminals.
    JSON and SARIF always hold what a baseline suppresses, marked as such.

    Args:
        reports: in the order in which they are told.
        format: one of `FORMATS`.
        color: whether a table may paint words for a terminal; they say the same without.
        show_suppressed: whether people are told, too, what a baseline suppresses; else only how much it is.
        width: how many columns the sentences of a table may take; None is any number.

    Raises:
        ValueError: there is no such format.
    """
    # Each only here: nobody wants all, and this comes at the end of a run that others wait for.
    match format:
        case "table":
            from svcc.report.audit_table import audit_table  # noqa: PLC0415

            return audit_table(reports, color=color, show_suppressed=show_suppressed, width=width)
        case "json":
            from svcc.report.audit_document import audit_document  # noqa: PLC0415

            return _json(audit_document(reports))
        case "sarif":
            from svcc.report.audit_sarif import audit_sarif  # noqa: PLC0415

            return _json(audit_sarif(reports))
        case "junit":
            from svcc.report.audit_junit import audit_junit  # noqa: PLC0415

            return audit_junit(reports, show_suppressed=show_suppressed)
        case "github":
            from svcc.report.audit_github import audit_github  # noqa: PLC0415

            return audit_github(reports, show_suppressed=show_suppressed)
        case "html":
            from svcc.report.audit_html import audit_html  # noqa: PLC0415

            return audit_html(reports, show_suppressed=show_suppressed)
        case _:
            raise ValueError(f"the format must be one of {', '.join(FORMATS)}, not {format!r}")


def _json(document: Any) -> Iterator[str]:
    yield f"{json.dumps(document, indent=2)}\n"
