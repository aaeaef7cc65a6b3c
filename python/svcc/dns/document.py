"""The zones of a cluster as a JSON document, for other programs (`svcc dns -o json`)."""

from __future__ import annotations

from typing import Any

from svcc.dataplane.document import API_VERSION
from svcc.dns.contract import DnsRecords, Record

__all__ = ["records_document"]


def records_document(records: DnsRecords) -> dict[str, Any]:
    """A versioned document: every zone with its records, SOA and NS among them, each with the object it is of."""
    return {
        "apiVersion": API_VERSION,
        "kind": "DnsZoneList",
        "items": [
            {"name": zone.name, "records": [_record(record) for record in (*zone.authority, *zone.records)]}
            for zone in records.zones
        ],
    }


def _record(record: Record) -> dict[str, Any]:
    reference = record.object
    return {
        "name": record.name,
        "type": record.type,
        "ttl": record.ttl,
        "data": record.data,
        "object": {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}
        if reference
        else None,
        "file": record.source.file if record.source else None,
        "line": record.source.line if record.source else None,
    }
