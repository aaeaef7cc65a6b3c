"""The clusters of the benchmarks as `kubectl get -o yaml` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.clusters import VERSION, cluster_file

# Text that kubectl leaves without quotes; numbers and words such as "yes" are not among it.
_PLAIN = re.compile(r"[A-Za-z][\w./:-]{3,}|\d+(\.\d+){3}(/\d+)?")


def yaml_file(folder: Path, services: int) -> Path:
    """A YAML file with the same content as `cluster_file`."""
    path = folder / f"cluster-{services}-v{VERSION}.yaml"
    if not path.exists():
        document = json.loads(cluster_file(folder, services).read_text())
        path.write_text("".join(_mapping(document, "")))
    return path


def _mapping(value: dict[str, Any], indent: str) -> Iterator[str]:
    for name, inner in value.items():
        yield f"{indent}{_scalar(name)}:"
        if isinstance(inner, dict) and inner:
            yield "\n"
            yield from _mapping(inner, indent + "  ")
        elif isinstance(inner, list) and inner:
            yield "\n"
            for element in inner:
                if isinstance(element, dict) and element:
                    text = "".join(_mapping(element, indent + "  "))
                    yield f"{indent}- {text[len(indent) + 2 :]}"
                else:
                    yield f"{indent}- {_scalar(element)}\n"
        else:
            yield f" {_scalar(inner)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in {"true", "null", "false"}:
        return value
    return json.dumps(value)
