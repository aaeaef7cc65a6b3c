"""The tables that a node holds, and those that it should hold, as they are listed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from attrs import frozen

from svcc.apply.steps import NOTHING
from svcc.compiler.compilation import compile_cluster
from svcc.manifest.load import load
from svcc.model.cluster import ClusterSettings
from svcc.nft.transaction import transaction
from tests.kernel.namespace import NetworkNamespace

POD_CIDR = "10.244.0.0/16"
_SETTINGS = ClusterSettings(cluster_cidrs=(POD_CIDR,))
_TABLES = ("ip", "ip6")


@frozen
class Tables:
    """What a namespace holds of svcc's tables: by family, kind and name, what a chain or set says, and its elements."""

    bodies: Mapping[tuple[str, str, str], tuple[str, ...]]
    elements: frozenset[tuple[str, str, str]]

    @property
    def base_chains(self) -> list[str]:
        """Those through which packets come."""
        return [place[2] for place, lines in self.bodies.items() if any(" hook " in line for line in lines)]

    def beyond(self, other: Tables) -> Tables | None:
        """What is here and not in another, of which everything must be here as it is there; else None."""
        if any(self.bodies.get(place) != lines for place, lines in other.bodies.items()):
            return None
        if not self.elements >= other.elements:
            return None
        more = {place: lines for place, lines in self.bodies.items() if place not in other.bodies}
        return Tables(more, self.elements - other.elements)

    def without_spare_chains(self, other: Tables) -> Tables:
        """These without pick chains that another has not: a node keeps those that nobody uses any more.

        With them go the elements that lead to them from numbers which no frontend has.
        """
        spare = {place for place in self.bodies if place not in other.bodies and place[2].startswith("pick-")}
        unmet = {place for place in self._unmet(self.elements - other.elements) if place[1] == "picks"}
        named = self._named(unmet)
        kept = {place: lines for place, lines in self.bodies.items() if place not in spare or place[2] in named}
        return Tables(kept, self.elements - unmet)

    def serves_as(self, other: Tables) -> bool:
        """Whether packets meet the same: all of another is here, and beside it only what nothing leads to.

        That is, before `tidy`: endpoints in slots that are not drawn, numbers that no frontend has, and chains that no
        rule and no element names.
        """
        more = self.beyond(other)
        if more is None:
            return False
        keys = {(*place[:2], _key(place[2])) for place in other.elements}
        unmet = self._unmet(more.elements)
        undrawn = all(
            place[1].startswith(("endpoints-", "nodeport-endpoints-")) and (*place[:2], _key(place[2])) not in keys
            for place in more.elements - unmet
        )
        named = self._named(unmet)
        return undrawn and all(kind == "chain" and name not in named for _family, kind, name in more.bodies)

    def _unmet(self, elements: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of these elements that no packet gets to: the numbers decide, and are asked first."""
        numbered = [place for place in self.elements if place[1].startswith("balanced-")]
        numbers = {(family, text.rpartition(" : ")[2]) for family, _name, text in numbered}
        frontends = {(family, name.removeprefix("balanced-"), _key(text)) for family, name, text in numbered}
        return {
            (family, name, text)
            for family, name, text in elements
            if (name == "picks" and (family, _key(text)) not in numbers) or (family, name, _key(text)) in frontends
        }

    def _named(self, but: Container[tuple[str, str, str]]) -> set[str]:
        """The chains that rules and elements lead to, but for some elements."""
        texts = [line for lines in self.bodies.values() for line in lines]
        texts += [place[2] for place in self.elements if place not in but]
        return {target for text in texts for target in re.findall(r"(?:goto|jump) ([^\s,]+)", text)}


def _key(element: str) -> str:
    return re.split(r' comment "| : ', element)[0]


def read_tables(namespace: NetworkNamespace) -> Tables:
    """What the namespace holds, both families in one reading each."""
    bodies: dict[tuple[str, str, str], tuple[str, ...]] = {}
    elements: set[tuple[str, str, str]] = set()
    for family in _TABLES:
        text = _listing(namespace, family)
        for kind, name, body in re.findall(r"^\t(chain|map|set) (\S+) \{\n(.*?)^\t\}$", text, re.MULTILINE | re.DOTALL):
            listed = (
                re.search(r"^\t\telements = \{(.*)\}$", body, re.MULTILINE | re.DOTALL) if kind != "chain" else None
            )
            if listed:
                elements |= {(family, name, " ".join(each.split())) for each in listed[1].split(",")}
            lines = (body.replace(listed[0], "") if listed else body).splitlines()
            bodies[family, kind, name] = tuple(line.strip() for line in lines if line.strip())
        flags = re.findall(r"^\tflags .*$", text, re.MULTILINE)
        if text:
            bodies[family, "table", "svcc"] = tuple(flags)
    return Tables(bodies, frozenset(elements))


def _listing(namespace: NetworkNamespace, family: str) -> str:
    while True:
        result = namespace.run("nft", "list", "table", family, "svcc")
        if result.returncode == 0:
            return result.stdout
        if "No such file or directory" in result.stderr:
            return ""
        # Somebody was changing the rules at the same moment, or else this never ends, and pytest's limit says so.
        assert "Interrupted system call" in result.stderr or "busy" in result.stderr, result.stderr


def cold_start(manifests: Path, node: str = "node-a") -> Tables:
    """What a namespace holds into which nft itself has loaded what the manifests compile to."""
    compilation = compile_cluster(load([str(manifests)]).cluster, node=node, settings=_SETTINGS)
    namespace = NetworkNamespace()
    try:
        result = namespace.run("nft", "-f", "-", text=transaction(NOTHING, compilation.ruleset).script)
        assert result.returncode == 0, result.stderr
        return read_tables(namespace)
    finally:
        namespace.close()
