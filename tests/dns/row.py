"""The form of a row: a sentence, the rules it proves, objects in a namespace of their own, and what is answered."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from svcc.dns.contract import DnsRecords, DnsSettings
from svcc.dns.records import dns_records
from svcc.model.cluster import ClusterObject

NXDOMAIN = "NXDOMAIN"
NODATA = "NODATA"

Expected = Sequence[str] | str
"""The answer's records as ``TYPE data``, or one of the two above."""


@frozen
class Row:
    """A row; `answers` are by name and type, `said` are the rules of all problems that are reported.

    `unserved` are answers that no zone file can make a server give.
    """

    rules: str
    sentence: str
    objects: Sequence[ClusterObject] = field(default=())
    answers: Mapping[tuple[str, str], Expected] = field(factory=dict)
    settings: DnsSettings = field(factory=DnsSettings)
    said: Sequence[str] = field(default=())
    unserved: Mapping[tuple[str, str], Expected] = field(factory=dict)

    def __str__(self) -> str:
        return self.sentence

    @functools.cached_property
    def records(self) -> DnsRecords:
        return dns_records(self.objects, self.settings)
