"""Records of session affinity that lead nowhere any more, for whoever knows what the kernel holds (S35).

A record towards an endpoint that is gone is never honoured: the ruleset checks it when it is read. But it would be
honoured again if the endpoint came back before its client made another connection. Who reads the map can prevent that.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from attrs import frozen

from svcc.addresses import IPFamily
from svcc.compiler.affinity import StickyPort, endpoint_numbers, sticky_ports
from svcc.compiler.layout import TABLE, Layout, priority_text
from svcc.dataplane.contract import Dataplane, FamilyDataplane
from svcc.nft.commands import Command, DeleteElements, TableName
from svcc.nft.objects import Data, Key, Ruleset
from svcc.nft.transaction import Transaction

__all__ = ["RememberedEndpoint", "forgetting_transaction", "record_data", "remembered_endpoints"]


@frozen(cache_hash=True)
class RememberedEndpoint:
    """What records of session affinity say of an endpoint.

    Attributes:
        table: the table whose map `affinity` has them.
        service_port: the number in the key of records of its service port; None in IPv6, where keys have none, so that
            the sticky service ports which have an endpoint are one.
        number: of the endpoint, which is the data of such records.
    """

    table: TableName
    service_port: int | None
    number: int


def remembered_endpoints(layout: Layout, sticky: StickyPort, *, big_endian: bool) -> list[RememberedEndpoint]:
    """The endpoints to which records of a service port may lead: those of its Cluster set and of its Local set."""
    table = TableName(layout.word, TABLE)
    service_port = sticky.number if layout.family is IPFamily.IPV4 else None
    return [RememberedEndpoint(table, service_port, number) for number in _numbers(sticky, big_endian=big_endian)]


def _numbers(sticky: StickyPort, *, big_endian: bool) -> list[int]:
    endpoints = sorted({*sticky.plan.cluster_endpoints, *sticky.plan.local_endpoints})
    return endpoint_numbers(endpoints, sticky.seed, big_endian=big_endian)


def record_data(number: int) -> Data:
    """The data of records that lead to the endpoint of this number, as nft writes them."""
    return (priority_text(number),)


def forgetting_transaction(held: Ruleset, dataplane: Dataplane) -> Transaction:
    """Delete the records in `held`, what the node holds, that lead to no endpoint of their service port in `dataplane`.

    In IPv6 a record does not tell its service port, so it stays as long as any sticky one has the endpoint.

    It must not be part of another transaction: the kernel refuses it when one of the records has timed out since it was
    read, or has been made anew by then, and has forgotten nothing. Read and try again, or leave it.
    """
    families = {TableName(Layout(family.family).word, TABLE): family for family in dataplane.families}
    commands: list[Command] = []
    for table in held.tables:
        name = TableName(table.family, table.name)
        if name not in families:
            continue
        leads = _known(families[name], big_endian=dataplane.big_endian)
        for item in table.sets:
            if item.name == "affinity":
                stale = tuple((key, data) for key, data in item.elements if not leads(key, data))
                if stale:
                    commands.append(DeleteElements(name, attrs.evolve(item, elements=stale)))
    return Transaction(tuple(commands))


def _known(family: FamilyDataplane, *, big_endian: bool) -> Callable[[Key, Data | None], bool]:
    """Whether a record leads to an endpoint."""
    by_port: dict[object, set[object]] = {}
    for sticky in sticky_ports(family.service_ports, big_endian=big_endian).values():
        by_port[sticky.number] = {priority_text(number) for number in _numbers(sticky, big_endian=big_endian)}
    everywhere: set[object] = set().union(*by_port.values())

    def leads(key: Key, data: Data | None) -> bool:
        known = by_port.get(key[1], set()) if family.family is IPFamily.IPV4 else everywhere
        return isinstance(data, tuple) and data[0] in known

    return leads
