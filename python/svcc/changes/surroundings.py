"""What a node goes by besides its Services, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from svcc.changes.contract import FieldChange, ServicePortChange
from svcc.dataplane.contract import Dataplane, FamilyDataplane

__all__ = ["surroundings_changes"]


def surroundings_changes(
    before: Dataplane, after: Dataplane, service_ports: Iterable[ServicePortChange]
) -> tuple[FieldChange, ...]:
    """The settings and facts that differ; local endpoints only as far as no service port tells that they come or go."""
    told = {
        endpoint.address
        for change in service_ports
        for group in change.endpoints
        for endpoint in (*group.added, *group.removed)
    }
    found = [
        FieldChange("masquerade bit", str(before.masquerade_bit), str(after.masquerade_bit)),
        FieldChange("byte order", _order(before), _order(after)),
    ]
    for old, new in zip(before.families, after.families, strict=True):
        found += _of_family(old, new, told)
    return tuple(change for change in found if change.before != change.after)


def _order(dataplane: Dataplane) -> str:
    return "big endian" if dataplane.big_endian else "little endian"


def _of_family(old: FamilyDataplane, new: FamilyDataplane, told: set[str]) -> Iterator[FieldChange]:
    name = old.family.value
    yield FieldChange(f"{name} service CIDRs", _list(old.service_cidrs), _list(new.service_cidrs))
    yield FieldChange(f"{name} pods", _pods(old), _pods(new))
    yield FieldChange(f"{name} addresses of node ports", _node_ports(old), _node_ports(new))
    local = (
        _list(address for address in family.local_endpoint_addresses if address not in told) for family in (old, new)
    )
    yield FieldChange(f"{name} endpoints on this node", *local)


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _pods(family: FamilyDataplane) -> str:
    pods = family.pods
    if pods.interface:
        return f"behind {pods.interface}"
    return f"behind {pods.interface_prefix}*" if pods.interface_prefix else _list(pods.source_prefixes)


def _node_ports(family: FamilyDataplane) -> str:
    node_ports = family.node_ports
    if node_ports.addresses is not None:
        return _list(node_ports.addresses)
    return f"local ones in {_list(node_ports.prefixes)}" if node_ports.prefixes else "all local ones"
