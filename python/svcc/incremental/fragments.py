"""Parts of a table: the elements and chains of some service ports, before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from svcc.compiler.affinity import sticky_port
from svcc.compiler.affinity_records import RememberedEndpoint, remembered_endpoints
from svcc.compiler.elements import Elements, add_service_ports
from svcc.compiler.layout import TABLE, Layout
from svcc.compiler.ruleset import filled, sticky_chains
from svcc.dataplane.contract import NodePortAddresses, ServicePortName, ServicePortPlan
from svcc.nft.names import comment_text
from svcc.nft.objects import Chain, Set, Table

__all__ = ["DeclaredSets", "Fragment", "changed_parts"]


class DeclaredSets:
    """All sets of a table, which are filled at a cost that depends on those that have elements."""

    def __init__(self, declared: Sequence[Set]) -> None:
        self.empty = tuple(declared)
        self._places = {item.name: place for place, item in enumerate(declared)}

    def filled(self, elements: Elements) -> tuple[Set, ...]:
        """The sets with elements."""
        found = list(self.empty)
        for name in elements.by_set:
            place = self._places[name]
            found[place] = filled(found[place], elements)
        return tuple(found)


class Fragment:
    """What a table holds for some service ports; `elements` may be given more."""

    def __init__(self, layout: Layout, *, big_endian: bool) -> None:
        self._layout = layout
        self._big_endian = big_endian
        self.elements = Elements()
        self.chains: list[Chain] = []
        self.remembered: list[RememberedEndpoint] = []

    def add(
        self,
        plans: Sequence[ServicePortPlan],
        numbers_of: Callable[[ServicePortName], Sequence[int]],
        is_mixed: Callable[[str], bool],
        node_ports: NodePortAddresses,
    ) -> None:
        """Render service ports where `node_ports` serve node ports.

        Those with affinity have these numbers, and these of their addresses are mixed.
        """
        sticky = {
            plan.name: sticky_port(plan, numbers_of(plan.name), big_endian=self._big_endian)
            for plan in plans
            if plan.affinity_timeout_seconds is not None
        }
        addresses = {frontend.address for plan in plans for frontend in plan.frontends}
        mixed = {address for address in addresses if address is not None and is_mixed(address)}
        add_service_ports(self.elements, plans, sticky, mixed, node_ports, big_endian=self._big_endian)
        self.chains += sticky_chains(self._layout, sticky, self.elements)
        for item in sticky.values():
            self.remembered += remembered_endpoints(self._layout, item, big_endian=self._big_endian)


def changed_parts(layout: Layout, declared: DeclaredSets, before: Fragment, after: Fragment) -> tuple[Table, Table]:
    """The tables of two fragments, without what is the same in both; that is taken out of the fragments, too."""
    for name in before.elements.by_set.keys() & after.elements.by_set.keys():
        _leave_out_common(before.elements, after.elements, name)
    old_chains = {chain.name: chain for chain in before.chains}
    new_chains = {chain.name: chain for chain in after.chains}
    return (
        _table(
            layout, declared, before.elements, [item for item in before.chains if new_chains.get(item.name) != item]
        ),
        _table(layout, declared, after.elements, [item for item in after.chains if old_chains.get(item.name) != item]),
    )


def _leave_out_common(before: Elements, after: Elements, name: str) -> None:
    old, new = before.of(name), after.of(name)
    old_comments, new_comments = before.comments.get(name, {}), after.comments.get(name, {})
    common = [
        key
        for key, data in old.items()
        if key in new
        and new[key] == data
        and comment_text(old_comments.get(key, "")) == comment_text(new_comments.get(key, ""))
    ]
    for key in common:
        del old[key], new[key]
        old_comments.pop(key, None)
        new_comments.pop(key, None)


def _table(layout: Layout, declared: DeclaredSets, elements: Elements, chains: Sequence[Chain]) -> Table:
    return Table(layout.word, TABLE, declared.filled(elements), tuple(chains))
