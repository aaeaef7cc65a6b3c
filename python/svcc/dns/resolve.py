"""What becomes of a name that a pod looks up: every query, its answer, and what the pod gets in the end."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.dns.contract import Answer, AnswerStatus, DnsRecords, Record
from svcc.dns.lookup import NameIndex
from svcc.dns.names import reverse_name
from svcc.dns.resolver import Libc, PodResolver

__all__ = ["ADDRESS_TYPES", "Query", "QueryOutcome", "Resolution", "resolve"]

ADDRESS_TYPES = ("A", "AAAA")
"""What ``getaddrinfo`` asks for, both at once."""


class QueryOutcome(enum.StrEnum):
    """What comes back to one query."""

    NOERROR = "NOERROR"
    """Records."""
    NODATA = "NODATA"
    """The name exists, but not with this type (RFC 2308)."""
    NXDOMAIN = "NXDOMAIN"
    """There is no such name; a CNAME may have led to it (RFC 6604)."""
    FORWARDED = "leaves the cluster"
    """Another server is asked, whose answer is not known here; it is taken to have none."""


@frozen
class Query:
    """One query and what comes back; names are absolute."""

    name: str
    type: str
    outcome: QueryOutcome
    records: tuple[Record, ...] = ()


@frozen
class Resolution:
    """A look-up.

    Attributes:
        name: what was looked up, as it was written.
        resolver: who looked it up.
        types: the types asked for of each name.
        queries: everything that was asked, in order.
        answered_name: the name that gave the result, or None.
        records: the result: CNAMEs on the way, then records of the types asked for, each once.
        outside: where a CNAME of the result leads, if that is outside the cluster; its records are not known here.
        address: the text was an address, for which nothing is asked.
    """

    name: str
    resolver: PodResolver
    types: tuple[str, ...]
    queries: tuple[Query, ...] = ()
    answered_name: str | None = None
    records: tuple[Record, ...] = ()
    outside: str | None = None
    address: str | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the declared records answer, be it by leading to a name outside."""
        return self.answered_name is not None or self.address is not None

    @property
    def forwarded(self) -> tuple[str, ...]:
        """The names that were asked outside the cluster, in order."""
        asked = (query.name for query in self.queries if query.outcome is QueryOutcome.FORWARDED)
        return tuple(dict.fromkeys(asked))


def resolve(
    records: DnsRecords | NameIndex, name: str, resolver: PodResolver, *, types: Sequence[str] = ADDRESS_TYPES
) -> Resolution:
    """Look a name up as a pod does.

    Both libraries ask for the next candidate after NXDOMAIN; after NODATA glibc does, too, while musl ends the search.
    What the cluster's server forwards is taken not to be answered there, so that all queries are seen. An address needs
    no query, but for its own name (type PTR), which is asked for without a search.

    Raises:
        InputError: the text cannot be a name.
    """
    index = records if isinstance(records, NameIndex) else NameIndex(records)
    wanted = tuple(kind.upper() for kind in types)
    is_address_wanted = set(wanted) <= set(ADDRESS_TYPES)
    address = canonical_address(name)
    if address is not None and is_address_wanted:
        return Resolution(name, resolver, wanted, address=address)
    if address is not None and wanted == ("PTR",):
        candidates: tuple[str, ...] = (reverse_name(address),)
    else:
        candidates = resolver.candidates(name, is_address_wanted=is_address_wanted)
    queries: list[Query] = []
    for candidate in candidates:
        asked = [_query(index, resolver, candidate, kind) for kind in wanted]
        queries += asked
        if any(query.outcome is QueryOutcome.NOERROR for query in asked):
            return _ended(Resolution(name, resolver, wanted, tuple(queries)), asked, index)
        # musl looks at the status of the first of its two queries.
        if resolver.libc is Libc.MUSL and asked[0].outcome is QueryOutcome.NODATA:
            break
    return Resolution(name, resolver, wanted, tuple(queries))


def _query(index: NameIndex, resolver: PodResolver, name: str, kind: str) -> Query:
    answer = index.lookup(name, kind) if resolver.asks_cluster else Answer(AnswerStatus.REFUSED)
    match answer.status:
        case AnswerStatus.REFUSED:
            return Query(name, kind, QueryOutcome.FORWARDED)
        case AnswerStatus.NXDOMAIN:
            return Query(name, kind, QueryOutcome.NXDOMAIN, answer.records)
    outcome = QueryOutcome.NOERROR if answer.records else QueryOutcome.NODATA
    return Query(name, kind, outcome, answer.records)


def _ended(resolution: Resolution, asked: Sequence[Query], index: NameIndex) -> Resolution:
    """The look-up that ends with answers: they hold what was asked for, or lead outside, or lead nowhere."""
    found = tuple(dict.fromkeys(record for query in asked for record in query.records))
    outside = next(_leading_out(asked, index), None)
    if outside is None and not any(record.type in resolution.types or "ANY" in resolution.types for record in found):
        return resolution
    return Resolution(
        resolution.name,
        resolution.resolver,
        resolution.types,
        resolution.queries,
        answered_name=asked[0].name,
        records=found,
        outside=outside,
    )


def _leading_out(asked: Sequence[Query], index: NameIndex) -> Iterator[str]:
    """Names outside all zones at which chains of CNAMEs end."""
    for query in asked:
        if query.type != "CNAME" and query.records and query.records[-1].type == "CNAME":
            target = query.records[-1].data
            if index.zone_of(target) is None:
                yield target
