"""What Services would lose by going from one ruleset to another, read off the elements and their comments."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.apply.held_elements import FOREIGN_COMMENT
from svcc.nft.objects import Ruleset, Table

__all__ = ["gone_service_ports", "lost_service_ports"]

_WITH_NAMES = ("services", "nodeports")
"""What sets are called whose comments name the Service port of a frontend."""
_ENDPOINTS, _NODE_PORT_ENDPOINTS = "endpoints-", "nodeport-endpoints-"


def gone_service_ports(before: Ruleset, after: Ruleset) -> list[str]:
    """The Service ports that have frontends before and none after, as ``namespace/service:port``, in order."""
    return sorted({name for _, name in _frontends(before)} - {name for _, name in _frontends(after)})


def lost_service_ports(before: Ruleset, after: Ruleset) -> list[str]:
    """Those that are gone, or that have endpoints before and none after, in order."""
    left = _with_endpoints(after)
    return sorted({*gone_service_ports(before, after), *(_with_endpoints(before) - left)})


def _frontends(ruleset: Ruleset) -> Iterator[tuple[tuple[str, ...], str]]:
    """Family, protocol, address unless it is a node port, and port; and the name of the Service port."""
    for table in ruleset.tables:
        for item in table.sets:
            if item.name.endswith(_WITH_NAMES):
                for key, comment in item.comments.items():
                    if comment != FOREIGN_COMMENT:
                        yield (table.family, *map(str, key)), comment


def _with_endpoints(ruleset: Ruleset) -> set[str]:
    places = {place for table in ruleset.tables for place in _places_with_endpoints(table)}
    return {name for frontend, name in _frontends(ruleset) if frontend in places}


def _places_with_endpoints(table: Table) -> Iterator[tuple[str, ...]]:
    for item in table.sets:
        for start, parts in ((_ENDPOINTS, 2), (_NODE_PORT_ENDPOINTS, 1)):
            if item.name.startswith(start):
                protocol = item.name.removeprefix(start)
                yield from {(table.family, protocol, *map(str, key[:parts])) for key, _data in item.elements}
