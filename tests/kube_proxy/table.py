"""A table while it is being written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field


@define
class TableText:
    """Collects the sets, maps and chains of one table and prints them; declared empty ones stay."""

    family: str
    _collections: dict[str, tuple[tuple[str, ...], list[str]]] = field(factory=dict)
    _chains: dict[str, list[str]] = field(factory=dict)

    def collection(self, kind: str, name: str, *properties: str) -> None:
        """Declare a set or map; properties are lines such as ``type ipv4_addr``."""
        self._collections[f"{kind} {name}"] = (properties, [])

    def elements(self, kind: str, name: str, elements: Iterable[str]) -> None:
        """Add elements to a set or map, each once."""
        held = self._collections[f"{kind} {name}"][1]
        held.extend(element for element in dict.fromkeys(elements) if element not in held)

    def chain(self, name: str, *rules: str) -> None:
        """Add a chain, or rules to one."""
        self._chains.setdefault(name, []).extend(rules)

    def text(self, name: str, comment: str) -> str:
        """The table as nft reads it."""
        lines = [f"table {self.family} {name} {{", f'\tcomment "{comment}"']
        for heading, (properties, elements) in self._collections.items():
            held = [f"elements = {{ {', '.join(elements)} }}"] if elements else []
            lines += _block(heading, [*properties, *held])
        for heading, rules in self._chains.items():
            lines += _block(f"chain {heading}", rules)
        return "\n".join([*lines, "}", ""])


def _block(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"\t{heading} {{", *(f"\t\t{line}" for line in lines), "\t}"]
