"""What changes for one service port, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from svcc.changes.contract import Clients, Fate, FrontendChange, Measure, Move, ServicePortChange
from svcc.dataplane.conntrack import StaleEntries
from svcc.dataplane.contract import Decision, Frontend, FrontendKind, Masquerade, ServicePortName, ServicePortPlan
from svcc.select import EndpointAddress

__all__ = ["counted", "cut", "service_port_lines", "stale_lines"]

_FEW = 10
_KINDS = {
    FrontendKind.CLUSTER_IP: "ClusterIP",
    FrontendKind.LOAD_BALANCER: "LoadBalancer",
    FrontendKind.EXTERNAL_IP: "ExternalIP",
    FrontendKind.NODE_PORT: "NodePort",
}
_DECISIONS = {
    Decision.CLUSTER: "all endpoints",
    Decision.LOCAL: "local endpoints",
    Decision.REJECT: "rejected",
    Decision.DROP: "dropped",
}
_MASQUERADES = {
    Masquerade.NEVER: "nobody",
    Masquerade.ALWAYS: "everybody",
    Masquerade.UNLESS_POD: "all but pods",
    Masquerade.NODE_TRAFFIC: "the node",
}
_CLIENTS = {Clients.ALL: "", Clients.INSIDE: " from pods and this node", Clients.OUTSIDE: " from outside"}
_REFUSALS = (Decision.DROP, Decision.REJECT)


def counted(count: int, what: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def cut(items: Sequence[object], everything: bool) -> str:  # noqa: FBT001  (as it was asked)
    """The items with commas between them, all or the first few."""
    shown = items if everything or len(items) <= _FEW else items[:_FEW]
    more = f" and {len(items) - len(shown)} more" if len(shown) < len(items) else ""
    return f"{', '.join(map(str, shown))}{more}"


def service_port_lines(change: ServicePortChange, *, everything: bool, name_family: bool = False) -> Iterator[str]:
    """All there is to say, each line with a sign: what comes, goes, differs, and what connections notice (!).

    `name_family` says of which family new connections are, where both change.
    """
    for frontend in change.frontends:
        yield f"  {_frontend_line(frontend, change, everything=everything)}"
    yield from _endpoint_lines(change, everything=everything)
    for setting in change.settings:
        yield f"  ~ {setting.name}: {setting.after or 'none'}, was {setting.before or 'none'}"
    family = f" {change.family.value}" if name_family else ""
    for text in _move_texts(change, family, everything=everything):
        yield f"  ! {text}"
    for terminating, reason in ((False, "break: it is gone"), (True, "end with its pod, which is terminating")):
        broken = [item.endpoint for item in change.broken if item.terminating is terminating]
        for endpoint in _few(broken, everything=everything):
            yield f"  ! established connections to {endpoint} {reason}"
        yield from _rest(broken, "endpoint", everything=everything)
    if change.forgets_all:
        yield "  ! all records of session affinity fall away"
    else:
        for endpoint in _few(change.forgotten, everything=everything):
            yield f"  ! records of session affinity towards {endpoint} fall away"
        yield from _rest(change.forgotten, "endpoint", everything=everything)


def stale_lines(entries: Sequence[StaleEntries], *, everything: bool) -> Iterator[str]:
    """The conntrack entries to delete; with `everything`, as arguments of the conntrack program."""
    for entry in entries if everything else entries[:_FEW]:
        if everything and not entry.except_addresses:
            yield f"  ! stale UDP: conntrack -D {' '.join(entry.conntrack_arguments)}"
        else:
            where = _place(entry.address, entry.port)
            yield f"  ! conntrack entries of {where} towards {entry.endpoint} must be deleted: it serves no more"
    yield from _rest(entries, "kind of conntrack entry", "kinds of conntrack entries", everything=everything)


def _few(items: Sequence[EndpointAddress], *, everything: bool) -> Sequence[EndpointAddress]:
    return items if everything else items[:_FEW]


def _rest(items: Sequence[object], what: str, many: str = "", *, everything: bool) -> Iterator[str]:
    rest = 0 if everything else len(items) - _FEW
    if rest > 0:
        yield f"    and the same for {rest} more {what if rest == 1 else many or f'{what}s'}"


def _place(address: str | None, port: int) -> str:
    return f"node port {port}" if address is None else str(EndpointAddress(address, port))


def _frontend_line(change: FrontendChange, port: ServicePortChange, *, everything: bool) -> str:
    frontend = change.frontend
    name = f"{_KINDS[frontend.kind]} {frontend.port if frontend.address is None else _place(*_key(frontend))}"
    if change.fate is Fate.REMOVED:
        return f"- {name}{f', now of {_owner(change.other)}' if change.other else ''}"
    if change.before is None or change.after is None:
        before = f", was of {_owner(change.other)}" if change.other else ""
        return f"+ {name}: {_outcome(frontend, port.after, everything=everything)}{before}"
    return f"~ {name}: {'; '.join(_differences(change.before, change.after, everything=everything))}"


def _owner(name: ServicePortName) -> str:
    return f"{name.namespace}/{name.service}{f':{name.port}' if name.port else ''}"


def _key(frontend: Frontend) -> tuple[str | None, int]:
    return frontend.address, frontend.port


def _outcome(frontend: Frontend, plan: ServicePortPlan | None, *, everything: bool) -> str:
    def words(decision: Decision) -> str:
        if decision in _REFUSALS or plan is None:
            return _DECISIONS[decision]
        local = "local " if decision is Decision.LOCAL else ""
        return counted(len(plan.endpoints(decision)), f"{local}endpoint")

    found = words(frontend.inside)
    if frontend.outside is not frontend.inside:
        found = f"{found}; from outside {words(frontend.outside)}"
    if frontend.allowed_sources is not None:
        found += f"; only for {_sources(frontend.allowed_sources, everything=everything)}"
    return found


def _sources(sources: tuple[str, ...] | None, *, everything: bool) -> str:
    if sources is None:
        return "anyone"
    return cut(sources, everything) if sources else "nobody"


def _differences(old: Frontend, new: Frontend, *, everything: bool) -> Iterator[str]:
    if old.kind is not new.kind:
        yield f"was {_KINDS[old.kind]}"
    if (old.inside, old.outside) != (new.inside, new.outside):
        ways = [("", old.inside, new.inside), ("from outside ", old.outside, new.outside)]
        if (old.inside, new.inside) == (old.outside, new.outside):
            ways.pop()
        for clients, was, becomes in ways:
            if was is not becomes:
                word = clients or ("from inside " if len(ways) > 1 else "")
                yield f"{word}{_DECISIONS[becomes]}, was {_DECISIONS[was]}"
    if old.masquerade is not new.masquerade:
        yield f"masquerades {_MASQUERADES[new.masquerade]}, was {_MASQUERADES[old.masquerade]}"
    if old.allowed_sources != new.allowed_sources:
        before, now = (_sources(item.allowed_sources, everything=everything) for item in (old, new))
        yield f"for {now}, was for {before}"


def _endpoint_lines(change: ServicePortChange, *, everything: bool) -> Iterator[str]:
    """Endpoints of either set; those of a service port that comes or goes are counted with its frontends."""
    if change.fate is not Fate.CHANGED:
        return
    old, new = ({*plan.cluster_endpoints, *plan.local_endpoints} for plan in (change.before, change.after) if plan)
    for sign, found in (("-", _in_either(change, old - new)), ("+", _in_either(change, new - old))):
        for endpoint in _few(found, everything=everything):
            yield f"  {sign} endpoint {endpoint}"
        yield from _rest(found, "endpoint", everything=everything)
    weights = dict.fromkeys(item for group in change.endpoints for item in group.reweighted)
    for endpoint, was, becomes in weights:
        yield f"  ~ endpoint {endpoint}: weight {becomes}, was {was}"


def _in_either(change: ServicePortChange, wanted: set[EndpointAddress]) -> list[EndpointAddress]:
    listed: Iterable[EndpointAddress] = (item for group in change.endpoints for item in (*group.added, *group.removed))
    return list(dict.fromkeys(item for item in listed if item in wanted))


def _move_texts(change: ServicePortChange, family: str, *, everything: bool) -> Iterator[str]:
    """The moves from endpoint to endpoint; those to and from refusals are what frontends say of themselves."""
    moves = [move for move in change.moves if not {move.before, move.after} & {*_REFUSALS}]
    texts = [(_share(move.share), "goes" if move.share < 1 else "go", _how(move)) for move in moves]
    everywhere = len(set(texts)) == 1 and _sides_of_moves(moves) == _served_sides(change)
    for move, (share, goes, how) in [*zip(moves, texts, strict=True)][: 1 if everywhere else None]:
        who = "" if everywhere else _CLIENTS[move.clients]
        to = (
            ""
            if everywhere
            else f" to {cut([_place(address, port) for _, address, port in move.frontends], everything)}"
        )
        yield f"{share} of new{family} connections{who}{to} {goes} to another endpoint ({how})"


def _sides_of_moves(moves: Iterable[Move]) -> set[tuple[str | None, int, Clients]]:
    both = (Clients.INSIDE, Clients.OUTSIDE)
    return {
        (address, port, clients)
        for move in moves
        for _, address, port in move.frontends
        for clients in (both if move.clients is Clients.ALL else (move.clients,))
    }


def _served_sides(change: ServicePortChange) -> set[tuple[str | None, int, Clients]]:
    """What is served before and after, by frontend and clients."""
    old, new = (_served_by(plan) for plan in (change.before, change.after))
    return old & new


def _served_by(plan: ServicePortPlan | None) -> set[tuple[str | None, int, Clients]]:
    return {
        (frontend.address, frontend.port, clients)
        for frontend in (plan.frontends if plan else ())
        for clients, decision in ((Clients.INSIDE, frontend.inside), (Clients.OUTSIDE, frontend.outside))
        if decision not in _REFUSALS
    }


def _share(share: Fraction) -> str:
    if share == 1:
        return "all"
    percent = f"{float(share):.1%}"
    return f"{share} ({percent})" if share.denominator <= 1000 else percent


def _how(move: Move) -> str:
    if move.measure is Measure.INDEPENDENT:
        return "another hash key sends clients anywhere"
    if move.measure is Measure.TABLES and move.slots_before != move.slots_after:
        return f"the table has {move.slots_after} slots, had {move.slots_before}"
    if move.slots_before == move.slots_after:
        return (
            f"{move.slots_moved} of {counted(move.slots_after, 'slot')} {'moves' if move.slots_moved == 1 else 'move'}"
        )
    return f"{counted(move.slots_after, 'slot')}, had {move.slots_before}"
