"""Look-ups for people, as a table of queries, and for programs, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from svcc.dataplane.document import API_VERSION
from svcc.dns.contract import Record
from svcc.dns.resolve import Query, QueryOutcome, Resolution
from svcc.fields import printable
from svcc.report.tables import table

__all__ = ["resolution_document", "resolution_lines"]


def resolution_lines(resolution: Resolution, hints: Sequence[str] = ()) -> Iterator[str]:
    """The queries in order, what the pod gets, how many queries that took, and hints; with ends of line."""
    rows = [
        [str(number), query.name, query.type, query.outcome.value, _data(query.records)]
        for number, query in enumerate(resolution.queries, start=1)
    ]
    for line in table(["#", "QUERY", "TYPE", "ANSWER", "DATA"], rows):
        yield f"{line}\n"
    if rows:
        yield "\n"
    yield f"{printable(resolution.name)} from {resolution.resolver.namespace}: {_result(resolution)}\n"
    for hint in hints:
        yield f"hint: {hint}\n"


def _result(resolution: Resolution) -> str:
    if resolution.address is not None:
        return f"{resolution.address}, an address, for which nothing is asked"
    count = len(resolution.queries)
    took = f"{count} {'query' if count == 1 else 'queries'}"
    if not resolution.is_answered:
        outside = ", ".join(resolution.forwarded)
        left = f"; {outside} {'is' if len(resolution.forwarded) == 1 else 'are'} asked outside of it" if outside else ""
        return f"not answered in the cluster after {took}{left}"
    found = [record.data for record in resolution.records if record.type != "CNAME" or "CNAME" in resolution.types]
    if resolution.outside is not None:
        found.append(f"what {resolution.outside} is outside the cluster")
    return f"{', '.join(found)} ({resolution.answered_name}, {took})"


def _data(records: Iterable[Record]) -> str:
    return ", ".join(f"CNAME {item.data}" if item.type == "CNAME" else item.data for item in records)


def resolution_document(resolution: Resolution, hints: Sequence[str] = ()) -> dict[str, Any]:
    """The same as a document."""
    resolver = resolution.resolver
    return {
        "apiVersion": API_VERSION,
        "kind": "Resolution",
        "name": resolution.name,
        "namespace": resolver.namespace,
        "resolver": {
            "libc": resolver.libc.value,
            "dnsPolicy": resolver.policy.value,
            "search": list(resolver.search_path),
            "ndots": resolver.effective_ndots,
        },
        "types": list(resolution.types),
        "answered": resolution.is_answered,
        "answeredName": resolution.answered_name,
        "outside": resolution.outside,
        "address": resolution.address,
        "records": [_record(record) for record in resolution.records],
        "queries": [_query(query) for query in resolution.queries],
        "hints": list(hints),
    }


def _query(query: Query) -> dict[str, Any]:
    forwarded = query.outcome is QueryOutcome.FORWARDED
    return {
        "name": query.name,
        "type": query.type,
        "answer": "FORWARDED" if forwarded else query.outcome.value,
        "records": [_record(record) for record in query.records],
    }


def _record(record: Record) -> dict[str, Any]:
    return {"name": record.name, "type": record.type, "data": record.data, "ttl": record.ttl}
