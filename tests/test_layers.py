"""The layers of svcc: who may import whom, and which module may touch what comes from outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "python"

# From the bottom to the top. A unit is a module or package directly below svcc; it may import the units of all layers
# below its own, but none beside it: nft knows no model.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"_interrupted", "errors", "fields", "addresses", "netlink", "periods"}),
    frozenset({"model", "nft"}),
    frozenset({"wire"}),
    frozenset({"validate", "allocation"}),
    frozenset({"manifest"}),
    frozenset({"select", "kernel_hash"}),
    frozenset({"slots", "hashing"}),
    frozenset({"dataplane"}),
    frozenset({"compiler"}),
    frozenset({"dns"}),
    frozenset({"incremental"}),
    frozenset({"apply", "changes", "trace", "explanation"}),
    frozenset({"auditing"}),
    frozenset({"report"}),
    frozenset({"sources"}),
    frozenset({"node"}),
    frozenset({"cli"}),
)
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}

# The package itself offers the public names of all layers, so below the command line nobody may import it.
FACADES = frozenset({"svcc", "svcc.__main__"})

# Modules that may call Rust, each with a Python face that documents it.
NATIVE_IMPORTERS = frozenset(
    {
        "svcc.select",
        "svcc.slots",
        "svcc.hashing",
        "svcc.kernel_hash",
        "svcc.trace",
        "svcc.auditing",
        "svcc.manifest.json_reader",
        "svcc.manifest.yaml_reader",
    }
)

# What is not of the standard library, and the units that need it.
THIRD_PARTY = {
    "attrs": frozenset(RANK),
    "click": frozenset({"cli"}),
    "distributed": frozenset({"auditing"}),
    "dns": frozenset({"dns"}),
    "nftables": frozenset({"apply"}),
    "prometheus_client": frozenset({"node"}),
    "watchfiles": frozenset({"sources"}),
    "yaml": frozenset({"allocation", "manifest", "auditing", "report", "cli"}),
}


def modules_below(root: Path) -> dict[str, ast.Module]:
    """Every Python module below `root`, parsed, by dotted name."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return modules


MODULES = modules_below(ROOT)


def imports_of(tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    """The dotted names a module imports, anywhere in it; ``from a import b`` names ``a.b`` if that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known or name == "svcc._native" else node.module


def allowed(importer: str, imported: str) -> bool:
    """Whether a module that is no facade may import a dotted name."""
    unit = importer.split(".")[1]
    top, *rest = imported.split(".")
    if top != "svcc":
        return top in sys.stdlib_module_names or unit in THIRD_PARTY.get(top, frozenset())
    if not rest:
        return unit == "cli"
    target = rest[0]
    if target == "_native":
        return any(importer == name or importer.startswith(f"{name}.") for name in NATIVE_IMPORTERS)
    return target == unit or (target in RANK and RANK[target] < RANK[unit])


def test_every_module_belongs_to_a_layer() -> None:
    assert {name for name in MODULES if name not in FACADES and name.split(".")[1] not in RANK} == set()


@pytest.mark.parametrize("name", sorted(set(MODULES) - FACADES))
def test_a_module_imports_only_what_its_layer_may(name: str) -> None:
    imported = set(imports_of(MODULES[name], frozenset(MODULES)))
    assert {other for other in imported if not allowed(name, other)} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = frozenset(MODULES)
    graph = {
        name: {imported for imported in imports_of(tree, known) if imported in known and imported not in {"svcc", name}}
        for name, tree in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("svcc.model.service", "svcc.manifest"),
        ("svcc.validate.ports", "svcc.allocation"),
        ("svcc.nft.script", "svcc.model.service"),
        ("svcc.dataplane.build", "svcc.compiler"),
        ("svcc.dataplane.build", "svcc._native"),
        ("svcc.manifest.reader", "svcc._native"),
        ("svcc.report", "svcc"),
        ("svcc.report", "click"),
        ("svcc.report", "requests"),
        ("svcc.cli.main", "svcc.misc"),
    ],
)
def test_imports_against_the_layers_are_found(importer: str, imported: str) -> None:
    assert not allowed(importer, imported)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("svcc.model.service", "svcc.model.metadata"),
        ("svcc.nft.script", "svcc.errors"),
        ("svcc.dataplane.build", "svcc.nft.script"),
        ("svcc.manifest.yaml_reader", "svcc._native"),
        ("svcc.cli", "svcc"),
        ("svcc.manifest", "yaml"),
        ("svcc.apply", "subprocess"),
    ],
)
def test_imports_along_the_layers_are_fine(importer: str, imported: str) -> None:
    assert allowed(importer, imported)
