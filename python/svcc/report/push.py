"""What a push has changed in the zones of a server, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from svcc.dataplane.document import API_VERSION
from svcc.dns.contract import Record
from svcc.dns.push import PushReport, ZonePush, ZoneState
from svcc.report.tables import table

__all__ = ["difference_lines", "push_document", "push_lines"]


def push_lines(report: PushReport) -> Iterator[str]:
    """A table of the zones, with ends of line."""
    for line in table(["ZONE", "STATE", "REMOVED", "ADDED", "FOREIGN", "SERIAL"], map(_row, report.zones)):
        yield f"{line}\n"


def _row(zone: ZonePush) -> list[str]:
    serial = str(zone.serial_before)
    if zone.serial_after not in (None, zone.serial_before):
        serial += f" -> {zone.serial_after}"
    done = zone.state is ZoneState.UPDATED
    counts = [len(zone.difference.removed), len(zone.difference.added)] if done else [0, 0]
    return [zone.zone, zone.state.value, *map(str, counts), str(zone.difference.foreign), serial]


def difference_lines(report: PushReport) -> Iterator[str]:
    """The records that would be removed and added, zone by zone; nothing of zones that are as declared."""
    for zone in report.zones:
        removed, added = zone.difference.removed, zone.difference.added
        if not zone.difference:
            continue
        parts = f" in {zone.messages} messages" if zone.messages > 1 else ""
        yield f"; {zone.zone} serial {zone.serial_before}: {len(removed)} to remove, {len(added)} to add{parts}\n"
        yield from (f"-{_text(record)}\n" for record in removed)
        yield from (f"+{_text(record)}\n" for record in added)


def _text(record: Record) -> str:
    return f"{record.name} {record.ttl} {record.type} {record.data}"


def push_document(report: PushReport) -> dict[str, Any]:
    """The same as a document, with all records."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PushReport",
        "complete": report.is_complete,
        "zones": [
            {
                "zone": zone.zone,
                "state": zone.state.value,
                "serialBefore": zone.serial_before,
                "serialAfter": zone.serial_after,
                "messages": zone.messages,
                "foreign": zone.difference.foreign,
                "problem": None if zone.problem is None else zone.problem.message,
                "removed": [_record(record) for record in zone.difference.removed],
                "added": [_record(record) for record in zone.difference.added],
            }
            for zone in report.zones
        ],
    }


def _record(record: Record) -> dict[str, Any]:
    return {"name": record.name, "type": record.type, "data": record.data, "ttl": record.ttl}
