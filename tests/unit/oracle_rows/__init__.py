"""Sentences about packets, each with a case: what the oracle is checked against."""

from __future__ import annotations

from tests.unit.oracle_rows import (
    conflicts,
    endpoints,
    masquerading,
    order,
    refusals,
    restrictions,
    selection,
    services,
)
from tests.unit.oracle_rows.words import Row

ROWS: list[Row] = [
    *services.ROWS,
    *endpoints.ROWS,
    *selection.ROWS,
    *order.ROWS,
    *masquerading.ROWS,
    *refusals.ROWS,
    *restrictions.ROWS,
    *conflicts.ROWS,
]
