"""Back to what svcc's tables were before a change, whoever had made them; records of packets stay.

The old tables are kept as nft's own text, since nobody else understands what an older svcc, or somebody else, wrote
there. What is gone is loaded again; what is new is deleted; dynamic maps that are the same stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from svcc.apply.held import TABLES
from svcc.apply.session import Nft
from svcc.nft.commands import TableName

__all__ = ["Memory", "remembered", "rollback_script"]

_LISTED: Final = frozenset({"metainfo", "table", "rule"})


@frozen
class _Table:
    text: str
    objects: Mapping[tuple[str, str], Any]


@frozen
class Memory:
    """What svcc's tables were."""

    tables: Mapping[TableName, _Table | None]


def remembered(nft: Nft) -> Memory:
    """Read svcc's tables.

    Raises:
        NftError: they cannot be listed.
    """
    found: dict[TableName, _Table | None] = {}
    for name in TABLES:
        listed = nft.list_table(name.family, name.name)
        text = None if listed is None else nft.list_text(name.family, name.name)
        found[name] = None if listed is None or text is None else _Table(text, _objects(listed))
    return Memory(found)


def rollback_script(nft: Nft, memory: Memory) -> str:
    """The script of one transaction that takes the kernel from what it holds now to what is remembered.

    Raises:
        NftError: the tables cannot be listed.
    """
    lines: list[str] = []
    for name, old in memory.tables.items():
        listed = nft.list_table(name.family, name.name)
        if listed is None:
            lines += [old.text] if old else []
        elif old is None:
            lines.append(f"delete table {name}\n")
        else:
            lines += _changes(name, old, _objects(listed))
    return "".join(lines)


def _changes(name: TableName, old: _Table, now: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    yield f"flush table {name}\n"
    text = old.text
    gone = [place for place, body in now.items() if old.objects.get(place) != body]
    for kind, item in now:
        if kind in {"set", "map"}:
            if (kind, item) not in gone and "timeout" in str(now[kind, item].get("flags")):
                # Listed as a block that ends with a brace at the second indentation; its elements have no comments.
                block = rf"(\t{kind} {re.escape(item)} \{{\n(?:\t\t(?!elements).*\n)*)\t\telements = \{{[^}}]*\}}\n"
                text = re.sub(block, r"\1", text)
            else:
                yield f"flush {kind} {name} {item}\n"
    # What refers to others goes first: elements have gone, then chains do, then sets, then counters and the like.
    for kind, item in sorted(gone, key=lambda place: (place[0] != "chain", place[0] not in {"set", "map"})):
        yield f"delete {kind} {name} {item}\n"
    yield text


def _objects(listed: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Chains, sets and other objects by kind and name, without what changes while they are used."""
    return {
        (kind, body["name"]): {key: value for key, value in body.items() if key not in {"handle", "elem"}}
        for item in listed
        for kind, body in item.items()
        if kind not in _LISTED
    }
