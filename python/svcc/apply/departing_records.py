"""Records of session affinity that go in the transaction that takes their endpoints (S35).

A map may hold millions of records, and a change must not wait for them, so a little of it is read: all of a map as
large as most are. What is made between the reading and the commit, and whatever lies further back, is left to
`svcc.apply.forgetting`.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

from svcc.apply.affinity_map import AffinityMap, Record
from svcc.compiler.affinity_records import RememberedEndpoint, record_data
from svcc.compiler.layout import PRIORITY
from svcc.nft.commands import AddElements, DeleteElements, TableName
from svcc.nft.objects import Data, Key, Set

__all__ = ["departing_records"]

_MOST_RECORDS: Final = 256
"""In one transaction: each takes 18 microseconds there."""
_MOST_SECONDS: Final = 0.005
"""Of the processor, for the maps of both families: some 2 000 records are read in that time."""
_CLIENT_SIZES: Final = {"ip": 4, "ip6": 16}
_FAMILIES: Final = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}


def departing_records(
    endpoints: Iterable[RememberedEndpoint], *, clock: Callable[[], float] = time.thread_time
) -> list[AddElements | DeleteElements]:
    """Commands that delete records towards endpoints, as far as there is time by `clock` to find them.

    The kernel refuses to delete what is not there, and a record may time out after it was read. So all are added first,
    which changes nothing of those that are there. What is still in the way is a record that was made anew with another
    endpoint: then the kernel refuses the transaction, which changes nothing, and is to be run without these commands.
    """
    commands: list[AddElements | DeleteElements] = []
    in_order = sorted(endpoints, key=_table)
    if not in_order:
        return commands
    begun = clock()
    room = _MOST_RECORDS
    for table, of_table in itertools.groupby(in_order, key=_table):
        seconds = _MOST_SECONDS - (clock() - begun)
        if room <= 0 or seconds <= 0:
            break
        try:
            found = AffinityMap(table, dict.fromkeys(of_table, begun), clock).records(seconds, room)
        except OSError:
            # Whoever looks for the rest meets the same error, when there is no change that waits, and tells it.
            break
        room -= len(found)
        if found:
            elements = tuple(_element(table.family, record) for record in found)
            changed = Set("affinity", (), elements, data=(PRIORITY,), dynamic=True)
            commands += [AddElements(table, changed), DeleteElements(table, changed)]
    return commands


def _table(endpoint: RememberedEndpoint) -> TableName:
    return endpoint.table


def _element(family: str, record: Record) -> tuple[Key, Data]:
    """Key and data as nft writes them; numbers are in the machine's own order of bytes."""
    size = _CLIENT_SIZES[family]
    client = socket.inet_ntop(_FAMILIES[family], record.key[:size])
    port = record.key[size:]
    key = (client, int.from_bytes(port, sys.byteorder)) if port else (client,)
    return key, record_data(int.from_bytes(record.data, sys.byteorder))
