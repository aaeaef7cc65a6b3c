"""How ``svcc audit`` prints reports, of one dump or of many."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from attrs import frozen

from svcc.auditing.finding import AuditReport
from svcc.cli.output import terminal_width, write_data

__all__ = ["Printing"]


@frozen
class Printing:
    """What was asked for.

    Attributes:
        output: the name of the format.
        color: whether what goes to standard output is colored.
        show_suppressed: whether findings that a baseline accepts are shown, too.
    """

    output: str
    color: bool
    show_suppressed: bool

    def write(self, reports: Sequence[AuditReport]) -> None:
        """Print reports."""
        # Only here: other commands do not need the formats.
        from svcc.report.audit import render  # noqa: PLC0415

        width = terminal_width(sys.stdout)
        shown = render(reports, self.output, color=self.color, show_suppressed=self.show_suppressed, width=width)
        write_data(shown)

    def of_file(self, report: AuditReport) -> Iterator[str]:
        """A report as it stands in a file."""
        from svcc.report.audit import render  # noqa: PLC0415  (as above)

        return render([report], self.output, show_suppressed=self.show_suppressed)
