"""Whether the rules of a listing are those that were compiled, whatever version of nft lists them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from svcc.compiler.layout import PROTOCOL
from svcc.nft.expressions import Constant
from svcc.nft.json import statement_json
from svcc.nft.objects import Rule
from svcc.nft.statements import Match, Remember, Statement
from svcc.nft.text import statement_text

__all__ = ["common_rules"]

_RULE_KEYS: Final = frozenset({"family", "table", "chain", "handle", "expr"})
_SIGNED: Final = frozenset({"mod", "offset", "seed"})
_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
_PROTOCOL_OF_PACKET: Final = {"meta": {"key": "l4proto"}}
_MARK: Final = {"meta": {"key": "mark"}}
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_TIMEOUT = re.compile(r"timeout ((?:\d+[dhms])+)")
_TIMEOUT_PART = re.compile(r"(\d+)([dhms])")


def common_rules(listed: Sequence[dict[str, Any]], compiled: Sequence[Rule]) -> int:
    """How many rules at the beginning of a chain are as compiled."""
    count = 0
    for found, rule in zip(listed, compiled, strict=False):
        if not _is_compiled(found, rule):
            break
        count += 1
    return count


def _is_compiled(listed: dict[str, Any], rule: Rule) -> bool:
    statements = listed.get("expr", [])
    expected = rule.statements
    if len(statements) == len(expected) - 1 and _is_implied(expected[0], statements):
        expected = expected[1:]
    if not listed.keys() <= _RULE_KEYS or len(statements) != len(expected):
        return False
    for found, statement in zip(statements, expected, strict=True):
        if isinstance(found, str):
            # nft before 1.0.8 has no JSON for updates of maps, and prints them as text.
            if not isinstance(statement, Remember) or _plain_times(found) != _plain_times(statement_text(statement)):
                return False
        elif _canonical(found) != _canonical(statement_json(statement)):
            return False
    return True


def _is_implied(first: Statement, statements: Sequence[Any]) -> bool:
    """Whether nft does not list this match, since a field of that protocol is read behind it.

    It adds the match to any rule that reads such a field, so a rule without it cannot be meant.
    """
    if not isinstance(first, Match) or first.left != PROTOCOL or not isinstance(first.right, Constant):
        return False
    return f'"protocol": "{first.right.value}"' in json.dumps(statements)


def _plain_times(text: str) -> str:
    def seconds(match: re.Match[str]) -> str:
        parts = _TIMEOUT_PART.findall(match[1])
        return f"timeout {sum(int(number) * _SECONDS[unit] for number, unit in parts)}s"

    return _TIMEOUT.sub(seconds, text)


def _canonical(value: Any) -> Any:
    """JSON of a statement in which what versions of nft write differently is alike."""
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        if key in _SIGNED and isinstance(item, int):
            item &= 0xFFFF_FFFF  # noqa: PLW2901  (printed as a signed number)
            if key == "offset" and not item:
                continue
        elif key == "flags":
            item = [item] if isinstance(item, str) else item  # noqa: PLW2901  (one flag may be no list)
        found[key] = _canonical(item)
    right = found.get("right")
    if found.get("left") == _PROTOCOL_OF_PACKET and isinstance(right, int):
        found["right"] = _PROTOCOLS.get(right, right)
    elif found.get("left") == _MARK and isinstance(right, dict) and "prefix" in right:
        # nft before 1.1 takes the comparison of the highest bits alone for one with a prefix.
        mask = 0xFFFF_FFFF << (32 - right["prefix"]["len"]) & 0xFFFF_FFFF
        found |= {"left": {"&": [_MARK, mask]}, "right": right["prefix"]["addr"]}
    return found
