"""What changes on a node, or on many, as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svcc.changes.contract import (
    ChainChange,
    FieldChange,
    FrontendChange,
    Move,
    NodeChange,
    ServicePortChange,
    SetChange,
    Sweep,
)
from svcc.dataplane.conntrack import StaleEntries
from svcc.dataplane.contract import Frontend
from svcc.dataplane.document import API_VERSION
from svcc.nft.objects import Data, Key
from svcc.nft.statements import Verdict
from svcc.nft.text import key_text, statement_text

__all__ = ["change_document", "sweep_document"]


def change_document(change: NodeChange, *, everything: bool = False) -> dict[str, Any]:
    """A versioned document; with `everything`, it lists the elements and rules that are touched."""
    ruleset: dict[str, Any] = {"elements": change.elements, "rules": change.rules}
    if everything:
        ruleset |= {"sets": [_set(item) for item in change.sets], "chains": [_chain(item) for item in change.chains]}
    return {"apiVersion": API_VERSION, "kind": "NodeChange", **_node(change), "ruleset": ruleset}


def sweep_document(sweep: Sweep) -> dict[str, Any]:
    """A versioned document of the nodes that change."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterChange",
        "nodes": list(sweep.nodes),
        "addedNodes": list(sweep.came),
        "removedNodes": list(sweep.went),
        "changes": [_node(change) for change in sweep.changes],
    }


def _node(change: NodeChange) -> dict[str, Any]:
    return {
        "node": change.node,
        "servicePorts": [_service_port(item) for item in change.service_ports],
        "surroundings": _fields(change.surroundings),
        "staleUDP": [_stale(item) for item in change.stale_udp],
    }


def _service_port(change: ServicePortChange) -> dict[str, Any]:
    return {
        "namespace": change.name.namespace,
        "service": change.name.service,
        "port": change.name.port,
        "protocol": change.name.protocol.value,
        "family": change.family.value,
        "change": change.fate.value,
        "frontends": [_frontend_change(item) for item in change.frontends],
        "endpoints": [
            {
                "set": group.decision.value,
                "added": [str(item) for item in group.added],
                "removed": [str(item) for item in group.removed],
                "reweighted": [
                    {"endpoint": str(endpoint), "before": was, "after": becomes}
                    for endpoint, was, becomes in group.reweighted
                ],
            }
            for group in change.endpoints
        ],
        "settings": _fields(change.settings),
        "moves": [_move(item) for item in change.moves],
        "brokenConnections": [
            {"endpoint": str(item.endpoint), "terminating": item.terminating} for item in change.broken
        ],
        "forgottenAffinity": {"all": change.forgets_all, "endpoints": [str(item) for item in change.forgotten]},
    }


def _frontend_change(change: FrontendChange) -> dict[str, Any]:
    other = change.other
    return {
        "change": change.fate.value,
        "before": _frontend(change.before) if change.before else None,
        "after": _frontend(change.after) if change.after else None,
        "otherServicePort": {
            "namespace": other.namespace,
            "service": other.service,
            "port": other.port,
            "protocol": other.protocol.value,
        }
        if other
        else None,
    }


def _frontend(frontend: Frontend) -> dict[str, Any]:
    sources = frontend.allowed_sources
    return {
        "kind": frontend.kind.value,
        "address": frontend.address,
        "port": frontend.port,
        "inside": frontend.inside.value,
        "outside": frontend.outside.value,
        "masquerade": frontend.masquerade.value,
        "allowedSources": None if sources is None else list(sources),
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "frontends": [{"kind": kind.value, "address": address, "port": port} for kind, address, port in move.frontends],
        "clients": move.clients.value,
        "before": move.before.value,
        "after": move.after.value,
        "share": float(move.share),
        "exactShare": str(move.share),
        "measure": move.measure.value,
        "slotsBefore": move.slots_before,
        "slotsAfter": move.slots_after,
        "slotsMoved": move.slots_moved,
    }


def _stale(entry: StaleEntries) -> dict[str, Any]:
    return {
        "family": entry.family.value,
        "originalDestination": {"address": entry.address, "port": entry.port},
        "exceptAddresses": list(entry.except_addresses),
        "replySource": {"address": entry.endpoint.address, "port": entry.endpoint.port},
    }


def _fields(changes: Iterable[FieldChange]) -> list[dict[str, str]]:
    return [{"name": item.name, "before": item.before, "after": item.after} for item in changes]


def _set(item: SetChange) -> dict[str, Any]:
    return {
        "table": str(item.table),
        "name": item.name,
        "added": [_element(key, data) for key, data in item.added],
        "removed": [_element(key, data) for key, data in item.removed],
        "changed": [
            {"key": key_text(key), "before": _data(was), "after": _data(becomes)} for key, was, becomes in item.changed
        ],
    }


def _element(key: Key, data: Data | None) -> dict[str, str]:
    return {"key": key_text(key)} | ({"data": text} if (text := _data(data)) else {})


def _data(data: Data | None) -> str:
    if data is None:
        return ""
    return statement_text(data) if isinstance(data, Verdict) else key_text(data)


def _chain(item: ChainChange) -> dict[str, Any]:
    return {
        "table": str(item.table),
        "name": item.name,
        "change": item.fate.value,
        "added": list(item.added),
        "removed": list(item.removed),
    }
