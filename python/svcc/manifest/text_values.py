"""Values as text in the style of the text around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from svcc.manifest.yaml_scalars import RefusedScalarError, plain_value

__all__ = ["block_lines", "flow_text", "rendered_document", "scalar_text"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]*[A-Za-z0-9_])?", re.ASCII)
_PLAIN_IN_BLOCK: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./:-]*[A-Za-z0-9_])?", re.ASCII)
_BASE_60: Final = re.compile(r"[-+]?[0-9_]+(?::[0-9_]+)+(?:\.[0-9_]*)?", re.ASCII)
"""A number to readers of YAML 1.1, though not to Kubernetes."""
_resolver: Final[Any] = yaml.SafeLoader("")


def scalar_text(value: Any, *, in_flow: bool, quote: str = "") -> str:
    """A scalar; a string without quotation marks only if every reader of YAML takes it for a string."""
    if not isinstance(value, str):
        return json.dumps(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    plain = _PLAIN if in_flow else _PLAIN_IN_BLOCK
    if quote or plain.fullmatch(value) is None or _BASE_60.fullmatch(value) or not _is_string(value):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return value


def _is_string(text: str) -> bool:
    try:
        known = plain_value(text)
    except RefusedScalarError:
        return False
    tag = _resolver.resolve(yaml.ScalarNode, text, (True, False))
    return known == text and tag == "tag:yaml.org,2002:str"


def flow_text(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        inner = (f"{scalar_text(key, in_flow=True)}: {flow_text(item)}" for key, item in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return scalar_text(value, in_flow=True)


def block_lines(value: Any, unit: int, sequence_unit: int) -> Iterator[str]:
    """A mapping or a list in block style, line by line, the outermost without indentation."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            name = scalar_text(key, in_flow=False)
            if isinstance(item, dict | list) and item:
                yield f"{name}:"
                indent = " " * (unit if isinstance(item, dict) else sequence_unit)
                yield from (indent + line for line in block_lines(item, unit, sequence_unit))
            else:
                yield f"{name}: {_leaf(item)}"
    elif isinstance(value, list) and value:
        for item in value:
            lines = list(block_lines(item, unit, sequence_unit))
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])
    else:
        yield _leaf(value)


def _leaf(value: Any) -> str:
    return flow_text(value) if isinstance(value, dict | list) else scalar_text(value, in_flow=False)


def rendered_document(value: Any) -> str:
    """A whole document in block style, as kubectl would lay it out."""
    return "".join(f"{line}\n" for line in block_lines(value, 2, 0))
