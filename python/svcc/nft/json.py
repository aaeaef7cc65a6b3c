"""nft objects as libnftables JSON (`libnftables-json(5)`), in the same order and with the same effect as the text.

Sets are declared by the types of expressions (``typeof``), which JSON can say since nft 1.1.2 only, and which even
then is kept as plain types: tables that nft older than 1.1 must list are better loaded as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import Any

from svcc.nft.expressions import (
    Binary,
    Concat,
    Constant,
    Ct,
    Expression,
    Fib,
    Jhash,
    Lookup,
    Meta,
    Numgen,
    Payload,
    SetReference,
)
from svcc.nft.names import comment_text
from svcc.nft.objects import Chain, Data, Key, Ruleset, Set, Table, Value
from svcc.nft.statements import Assign, Dnat, Masquerade, Match, Reject, Remember, Statement, Verdict, VerdictMap

__all__ = ["commands", "expression_json", "statement_json"]


def commands(ruleset: Ruleset) -> dict[str, Any]:
    """The ruleset as one JSON document of commands; see `svcc.nft.text.script` for what they do."""
    listed: list[dict[str, Any]] = [{"metainfo": {"json_schema_version": 1}}]
    for table in ruleset.tables:
        listed.extend(_table_commands(table))
    return {"nftables": listed}


def _table_commands(table: Table) -> Iterator[dict[str, Any]]:
    identity = {"family": table.family, "name": table.name}
    replaced = [item for item in table.sets if not item.dynamic]
    yield {"add": {"table": identity}}
    for item in replaced:
        yield {"add": _set(table, item)}
    yield {"flush": {"table": identity}}
    for item in replaced:
        word = "map" if item.is_map else "set"
        yield {"flush": {word: {"family": table.family, "table": table.name, "name": item.name}}}
    for chain in table.chains:
        yield {"add": {"chain": _chain(table, chain)}}
    for item in table.sets:
        yield {"add": _set(table, item)}
        if item.elements:
            yield {"add": {"element": _elements(table, item)}}
    for chain in table.chains:
        for rule in chain.rules:
            statements = [statement_json(statement) for statement in rule.statements]
            place = {"family": table.family, "table": table.name, "chain": chain.name}
            yield {"add": {"rule": {**place, "expr": statements}}}


def _chain(table: Table, chain: Chain) -> dict[str, Any]:
    found: dict[str, Any] = {"family": table.family, "table": table.name, "name": chain.name}
    if chain.hook:
        found |= {"type": chain.hook.type, "hook": chain.hook.hook, "prio": chain.hook.priority, "policy": "accept"}
    return found


def _set(table: Table, item: Set) -> dict[str, Any]:
    found: dict[str, Any] = {
        "family": table.family,
        "table": table.name,
        "name": item.name,
        "type": {"typeof": _joined([expression_json(part) for part in item.key])},
    }
    if item.is_verdict_map:
        found["map"] = "verdict"
    elif item.data:
        found["map"] = {"typeof": _joined([expression_json(part) for part in item.data])}
    flags = [flag for flag, wanted in (("interval", item.interval), ("dynamic", item.dynamic)) if wanted]
    if item.dynamic:
        flags.append("timeout")
    if flags:
        found["flags"] = flags
    if item.size is not None:
        found["size"] = item.size
    if item.timeout_seconds is not None:
        found["timeout"] = item.timeout_seconds
    if item.counter:
        found["stmt"] = [{"counter": None}]
    return {"map" if item.is_map else "set": found}


def _elements(table: Table, item: Set) -> dict[str, Any]:
    listed = [_element(key, data, item.comments.get(key, "")) for key, data in item.elements]
    return {"family": table.family, "table": table.name, "name": item.name, "elem": listed}


def _element(key: Key, data: Data | None, comment: str) -> Any:
    written = _joined([_value(part) for part in key])
    if comment:
        written = {"elem": {"val": written, "comment": comment_text(comment)}}
    if data is None:
        return written
    return [written, statement_json(data) if isinstance(data, Verdict) else _joined([_value(part) for part in data])]


def _value(value: Value) -> Any:
    """A part of an element; a prefix is an object of its own."""
    if isinstance(value, str) and "/" in value:
        address, _, length = value.partition("/")
        return {"prefix": {"addr": address, "len": int(length)}}
    return value


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else {"concat": list(parts)}


@singledispatch
def expression_json(expression: Expression) -> Any:
    """An expression in libnftables' form."""
    raise TypeError(f"no nft expression: {expression!r}")


@expression_json.register
def _(expression: Constant) -> Any:
    text = expression.value
    return int(text, 16) if isinstance(text, str) and text.startswith("0x") else _value(text)


@expression_json.register
def _(expression: Payload) -> Any:
    return {"payload": {"protocol": expression.protocol, "field": expression.field}}


@expression_json.register
def _(expression: Meta) -> Any:
    return {"meta": {"key": expression.key}}


@expression_json.register
def _(expression: Ct) -> Any:
    found = {"key": expression.key}
    return {"ct": found | {"dir": expression.direction} if expression.direction else found}


@expression_json.register
def _(expression: Fib) -> Any:
    return {"fib": {"result": expression.result, "flags": list(expression.flags)}}


@expression_json.register
def _(expression: Numgen) -> Any:
    return {"numgen": {"mode": expression.mode, "mod": expression.modulus, "offset": expression.offset}}


@expression_json.register
def _(expression: Jhash) -> Any:
    inner = expression_json(expression.expression)
    found = {"mod": expression.modulus, "seed": expression.seed, "offset": expression.offset, "expr": inner}
    return {"jhash": found}


@expression_json.register
def _(expression: Binary) -> Any:
    return {expression.operator: [expression_json(expression.left), expression_json(expression.right)]}


@expression_json.register
def _(expression: Concat) -> Any:
    return {"concat": [expression_json(part) for part in expression.parts]}


@expression_json.register
def _(expression: SetReference) -> Any:
    return f"@{expression.name}"


@expression_json.register
def _(expression: Lookup) -> Any:
    return {"map": {"key": expression_json(expression.key), "data": f"@{expression.map_name}"}}


@singledispatch
def statement_json(statement: Statement) -> dict[str, Any]:
    """A statement in libnftables' form."""
    raise TypeError(f"no nft statement: {statement!r}")


@statement_json.register
def _(statement: Verdict) -> dict[str, Any]:
    return {statement.kind: {"target": statement.target} if statement.target else None}


@statement_json.register
def _(statement: Match) -> dict[str, Any]:
    left, right = expression_json(statement.left), expression_json(statement.right)
    operator = statement.operator
    if isinstance(statement.left, Ct):
        operator = "in" if operator == "==" else operator
    return {"match": {"op": operator, "left": left, "right": right}}


@statement_json.register
def _(statement: VerdictMap) -> dict[str, Any]:
    return {"vmap": {"key": expression_json(statement.key), "data": f"@{statement.map_name}"}}


@statement_json.register
def _(statement: Assign) -> dict[str, Any]:
    return {"mangle": {"key": expression_json(statement.target), "value": expression_json(statement.value)}}


@statement_json.register
def _(statement: Dnat) -> dict[str, Any]:
    return {"dnat": {"family": statement.family, "addr": expression_json(statement.to)}}


@statement_json.register
def _(statement: Masquerade) -> dict[str, Any]:
    return {"masquerade": {"flags": ["fully-random"]} if statement.fully_random else None}


@statement_json.register
def _(statement: Reject) -> dict[str, Any]:
    return {"reject": {"type": "icmp" if statement.family == "ip" else "icmpv6", "expr": "port-unreachable"}}


@statement_json.register
def _(statement: Remember) -> dict[str, Any]:
    key = expression_json(statement.key)
    if statement.timeout_seconds is not None:
        key = {"elem": {"val": key, "timeout": statement.timeout_seconds}}
    data = expression_json(statement.data)
    return {"map": {"op": statement.operation, "elem": key, "data": data, "map": f"@{statement.map_name}"}}
