"""Tables as kubectl prints them: upper-case headers, three spaces between columns, no borders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

__all__ = ["table"]

_GAP = "   "


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> Iterator[str]:
    """The lines of a table, without ends of line.

    Columns that are empty in all rows are left out, and so are tables without rows.

    >>> list(table(["NAME", "ZONE", "PORT"], [["web", "", "80"], ["cart", "", "8080"]]))
    ['NAME   PORT', 'web    80', 'cart   8080']
    """
    listed = [list(row) for row in rows]
    columns = [index for index in range(len(header)) if any(row[index] for row in listed)]
    lines = [[row[index] for index in columns] for row in [header, *listed]] if listed else []
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))] if lines else []
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield (indent + _GAP.join(cells)).rstrip()
