"""External names that lead back into the cluster's zone: to nothing, or round in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svcc.dns.contract import Record
from svcc.dns.names import parents
from svcc.dns.problems import DnsProblems
from svcc.model.service import Service

__all__ = ["tell_aliases"]

_STEPS = ("spec", "externalName")


def tell_aliases(
    records: Iterable[Record], services: Mapping[tuple[str, str], Service], zone: str, problems: DnsProblems
) -> None:
    """Report each external name inside `zone` that never ends, or ends at a name without records."""
    aliases = {record.name: record for record in records if record.type == "CNAME"}
    inside = {name: record.data for name, record in aliases.items() if record.data.endswith(f".{zone}")}
    if not inside:
        return
    existing = {name for record in records for name in parents(record.name.removesuffix(f".{zone}"))}
    for name, first in inside.items():
        reference = aliases[name].object
        if reference is None:
            continue
        service = services[reference.namespace, reference.name]
        passed = {name: None}
        target = first
        while target in inside and target not in passed:
            passed[target] = None
            target = inside[target]
        if target in passed:
            way = " to ".join(other.removesuffix(".") for other in (*passed, target))
            problems.notice("dns/alias-loop", service, _STEPS, f"it leads in a circle, from {way}")
        elif target not in aliases and target.removesuffix(f".{zone}") not in existing:
            detail = f"{target.removesuffix('.')} is a name of this zone that does not exist"
            problems.notice("dns/alias-dangling", service, _STEPS, detail)
