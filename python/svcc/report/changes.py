"""What changes on a node, or on many, as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from svcc.changes.contract import ChainChange, Fate, NodeChange, ServicePortChange, SetChange, Sweep
from svcc.dataplane.conntrack import StaleEntries
from svcc.dataplane.contract import Decision, ServicePortName
from svcc.fields import printable
from svcc.nft.objects import Data, Key
from svcc.nft.statements import Verdict
from svcc.nft.text import key_text, statement_text
from svcc.report.service_port_change import counted, cut, service_port_lines, stale_lines

__all__ = ["change_lines", "sweep_lines"]

_SIGNS = {Fate.ADDED: "+", Fate.REMOVED: "-", Fate.CHANGED: "~"}
_REFUSED = (Decision.DROP, Decision.REJECT)


def change_lines(change: NodeChange, *, everything: bool = False) -> Iterator[str]:
    """The report on one node line by line, each with its end; nothing where nothing changes.

    `everything` lists all endpoints, elements and rules.
    """
    sections = [
        *([_node_lines(change)] if change.surroundings else []),
        *([heading, *lines] for heading, lines in _groups(change, everything=everything).items()),
        _ruleset_lines(change, everything=everything),
    ]
    yield from _joined(sections)


def sweep_lines(sweep: Sweep, *, everything: bool = False) -> Iterator[str]:
    """The report on all nodes, line by line: what is the same on several of them is told once."""
    total = len(sweep.nodes)
    names = [change.node for change in sweep.changes]
    sections: list[Sequence[str]] = []
    if sweep:
        head = [f"{len(names)} of {counted(total, 'node')} would change{_named(names, total, everything)}"]
        head += [f"+ node {name}" for name in sweep.came] + [f"- node {name}" for name in sweep.went]
        sections.append(head)
    found: dict[str, dict[str, list[str]]] = {}
    refusing: dict[str, dict[str, list[str]]] = {}
    for change in sweep.changes:
        groups = _groups(change, everything=everything)
        if change.surroundings:
            _, *groups["Node"] = _node_lines(change)
        for heading, lines in groups.items():
            for line in lines:
                found.setdefault(heading, {}).setdefault(line, []).append(change.node)
        for heading, word in _refusals(change):
            refusing.setdefault(heading, {}).setdefault(word, []).append(change.node)
    for heading, by_line in found.items():
        section = [heading]
        for word, nodes in refusing.get(heading, {}).items():
            section.append(
                f"  {len(nodes)} of {counted(total, 'node')} would {word} connections to it: {cut(nodes, everything)}"
            )
        by_nodes: dict[tuple[str, ...], list[str]] = {}
        for line, nodes in by_line.items():
            by_nodes.setdefault(tuple(nodes), []).append(line)
        for some, lines in by_nodes.items():
            section.append(f"  on {len(some)} of {counted(total, 'node')}{_named(some, total, everything)}")
            section += [f"  {line}" for line in lines]
        sections.append(section)
    yield from _joined(sections)


def _named(nodes: Sequence[str], total: int, everything: bool) -> str:  # noqa: FBT001  (as it was asked)
    return f": {cut(nodes, everything)}" if 0 < len(nodes) < total else ""


def _joined(sections: Iterable[Sequence[str]]) -> Iterator[str]:
    first = True
    for section in sections:
        if section and not first:
            yield "\n"
        for line in section:
            yield f"{printable(line)}\n"
            first = False


def _heading(name: ServicePortName, fates: Iterable[Fate] = ()) -> str:
    port = f", port {name.port} {name.protocol.value}" if name.port else f", port {name.protocol.value}"
    found = set(fates)
    word = "  (new)" if found == {Fate.ADDED} else "  (gone)" if found == {Fate.REMOVED} else ""
    return f"Service {name.namespace}/{name.service}{port}{word}"


def _groups(change: NodeChange, *, everything: bool) -> dict[str, list[str]]:
    """The lines of each service port by its heading; both families together, and what is the same in both once."""
    ports: dict[ServicePortName, list[ServicePortChange]] = {}
    stale: dict[ServicePortName, list[StaleEntries]] = {}
    for port in change.service_ports:
        ports.setdefault(port.name, []).append(port)
    for entry in change.stale_udp:
        if entry.service_port is not None:
            stale.setdefault(entry.service_port, []).append(entry)
    groups = {}
    for name in sorted({*ports, *stale}):
        group = ports.get(name, ())
        found = [
            line
            for port in group
            for line in service_port_lines(port, everything=everything, name_family=len(group) > 1)
        ]
        found += stale_lines(stale.get(name, ()), everything=everything)
        groups[_heading(name, (port.fate for port in ports.get(name, ())))] = list(dict.fromkeys(found))
    return groups


def _refusals(change: NodeChange) -> list[tuple[str, str]]:
    """The headings of service ports that would be turned away on a node by a frontend that served, and how."""
    ports: dict[ServicePortName, list[ServicePortChange]] = {}
    for port in change.service_ports:
        ports.setdefault(port.name, []).append(port)
    found: dict[tuple[str, str], None] = {}
    for name, group in ports.items():
        heading = _heading(name, (port.fate for port in group))
        for move in (move for port in group for move in port.moves):
            if move.after in _REFUSED and move.before not in _REFUSED:
                found[heading, move.after.value] = None
    return list(found)


def _node_lines(change: NodeChange) -> list[str]:
    found = ["Node"]
    found += [
        f"  ~ {item.name}: {item.after or 'none'}, before {item.before or 'none'}" for item in change.surroundings
    ]
    return found


def _ruleset_lines(change: NodeChange, *, everything: bool) -> list[str]:
    if not change.transaction:
        return []
    found = [f"Ruleset: {counted(change.elements, 'element')} and {counted(change.rules, 'rule')} are touched"]
    if everything:
        found += [line for item in change.sets for line in _set_lines(item)]
        found += [line for item in change.chains for line in _chain_lines(item)]
    return found


def _set_lines(item: SetChange) -> Iterator[str]:
    yield f"  {item.table} {item.name}: {counted(item.count, 'element')}"
    for key, data in item.removed:
        yield f"    - {_element(key, data)}"
    for key, was, becomes in item.changed:
        if was == becomes:
            yield f"    ~ {_element(key, becomes)}, its comment"
        else:
            yield f"    ~ {_element(key, becomes)}, was {_data(was)}"
    for key, data in item.added:
        yield f"    + {_element(key, data)}"


def _element(key: Key, data: Data | None) -> str:
    return key_text(key) if data is None else f"{key_text(key)} : {_data(data)}"


def _data(data: Data | None) -> str:
    if data is None:
        return ""
    return statement_text(data) if isinstance(data, Verdict) else key_text(data)


def _chain_lines(item: ChainChange) -> Iterator[str]:
    yield f"  {_SIGNS[item.fate]} chain {item.table} {item.name}: {counted(item.count, 'rule')}"
    yield from (f"    - {rule}" for rule in item.removed)
    yield from (f"    + {rule}" for rule in item.added)
