"""Which Service it is that nft or the kernel does not take: by what nft says of the place, else by trying."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import attrs

from svcc.apply.session import NftError
from svcc.compiler.layout import Layout
from svcc.dataplane.contract import Dataplane, FamilyDataplane, ServicePortPlan
from svcc.fields import ObjectReference

__all__ = ["ServiceName", "is_of_a_service", "named_service", "refused_service", "service_reference", "without"]

ServiceName = tuple[str, str]
"""Namespace and name."""

_OF_ALL: Final = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOMEM, errno.EMSGSIZE, errno.ENOBUFS, errno.EAGAIN, errno.EINTR}
)
_IN_BLOCK = re.compile(r"(?:add|delete) element (ip6?) svcc (\S+) \{")
_OF_CHAIN = re.compile(r"add (?:chain|rule) (ip6?) svcc (\S+)")


def service_reference(name: ServiceName) -> ObjectReference:
    """The Service of this name."""
    return ObjectReference("Service", name[1], name[0])


def is_of_a_service(error: NftError) -> bool:
    """Whether an error can be the fault of one Service."""
    return error.errno not in _OF_ALL


def without(dataplane: Dataplane, names: Collection[ServiceName]) -> Dataplane:
    """The dataplane without some Services."""
    return attrs.evolve(
        dataplane,
        families=tuple(
            attrs.evolve(
                family, service_ports=tuple(plan for plan in family.service_ports if _service_of(plan) not in names)
            )
            for family in dataplane.families
        ),
    )


def refused_service(dataplane: Dataplane, is_taken: Callable[[Dataplane], bool]) -> ServiceName | None:
    """The first Service without which all before it are taken; None if it is no Service that is not taken.

    Args:
        dataplane: with all Services.
        is_taken: whether nft and the kernel would take a dataplane; asked about 17 times for 100 000 Services.
    """
    names = list(dict.fromkeys(_service_of(plan) for family in dataplane.families for plan in family.service_ports))

    def first_are_taken(count: int) -> bool:
        return is_taken(without(dataplane, frozenset(names[count:])))

    if not names or not first_are_taken(0) or first_are_taken(len(names)):
        return None
    taken, refused = 0, len(names)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if first_are_taken(middle):
            taken = middle
        else:
            refused = middle
    return names[taken]


def named_service(dataplane: Dataplane, error: NftError) -> ServiceName | None:
    """The Service whose element, rule or chain is in the line that nft points to; None if it points to no Service."""
    lines = error.script.splitlines()
    if error.line is None or not 0 < error.line <= len(lines):
        return None
    line = lines[error.line - 1]
    if match := _OF_CHAIN.match(line):
        return _service_of_chain(_family(dataplane, match[1]), match[2])
    for number in range(error.line - 1, -1, -1):
        if match := _IN_BLOCK.match(lines[number]):
            key = re.split(r' comment "| : |,$', line.strip())[0].split(" . ")
            return _service_of_key(_family(dataplane, match[1]), match[2], key)
        if not lines[number].startswith("\t"):
            break
    return None


def _family(dataplane: Dataplane, word: str) -> FamilyDataplane | None:
    return next((family for family in dataplane.families if Layout(family.family).word == word), None)


def _service_of(plan: ServicePortPlan) -> ServiceName:
    return plan.name.namespace, plan.name.service


def _service_of_chain(family: FamilyDataplane | None, chain: str) -> ServiceName | None:
    for plan in family.service_ports if family else ():
        name = plan.name
        if chain.endswith(f"-{name.namespace}/{name.service}/{name.protocol.lower()}/{name.port}"):
            return _service_of(plan)
    return None


def _service_of_key(family: FamilyDataplane | None, name: str, key: Sequence[str]) -> ServiceName | None:
    wanted = _frontend_of_key(name, key)
    if family is None or wanted is None:
        return None
    found = {_service_of(plan) for plan, frontend in _frontends(family) if frontend == wanted}
    return found.pop() if len(found) == 1 else None


def _frontend_of_key(name: str, key: Sequence[str]) -> tuple[str, str | None, str] | None:
    """Protocol, address and port of the frontend that an element of a set belongs to."""
    protocol = name.rpartition("-")[2]
    try:
        if name.startswith("nodeport-endpoints-"):
            return protocol, None, key[0]
        if name.startswith("endpoints-"):
            return protocol, key[0], key[1]
        if name.endswith("nodeports"):
            return key[0], None, key[1]
        if name in {"source-ranged", "allowed-sources"} or name.endswith(("services", "frontends")):
            return key[0], key[1], key[2]
    except IndexError:
        return None
    return None


def _frontends(family: FamilyDataplane) -> Iterator[tuple[ServicePortPlan, tuple[str, str | None, str]]]:
    for plan in family.service_ports:
        for frontend in plan.frontends:
            yield plan, (plan.name.protocol.lower(), frontend.address, str(frontend.port))
