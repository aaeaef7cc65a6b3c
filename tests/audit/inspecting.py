"""Dumps to be inspected, whole or spoilt in one place, and what is found of a kind."""

from __future__ import annotations

from pathlib import Path

from svcc import _native
from svcc.auditing.finding import Finding, FindingKind
from svcc.auditing.inspection import Inspection, inspect
from svcc.manifest.load import load
from svcc.nft.text import table_text
from tests.declare import compiled, local, remote, service, slices
from tests.kube_proxy import kube_proxy_ruleset
from tests.kube_proxy.record import NODE, ROOT
from tests.kube_proxy.record import SETTINGS as SHOP_SETTINGS

TEST_DATA = ROOT / "tests" / "data"
DUMPS = sorted(
    each for each in TEST_DATA.rglob("*") if each.suffix in {".json", ".nft", ".txt"} and each.parent.name != "schemas"
)


def inspected(document: str | bytes) -> Inspection:
    data = document.encode() if isinstance(document, str) else document
    return inspect(_native.Program(data, data.lstrip()[:1] in {b"{", b"["}, [], False))


def read(path: Path) -> Inspection | None:
    """None of a dump that no reader takes."""
    try:
        return inspected(path.read_bytes())
    except ValueError:
        return None


def only(found: Inspection, kind: FindingKind) -> Finding:
    """The one finding of a kind."""
    [finding] = [each for each in found.findings if each.kind is kind]
    return finding


def kinds(found: Inspection) -> set[FindingKind]:
    return {each.kind for each in found.findings}


def svcc_text() -> str:
    """One Service on TCP port 80 of 10.96.0.1 with two endpoints."""
    web = service("web", ["10.96.0.1"])
    result = compiled(web, slices("web", [local("10.244.0.1"), remote("10.244.1.1")]))
    return "".join(piece for table in result.ruleset.tables for piece in table_text(table))


def with_element(text: str, name: str, element: str) -> str:
    """The text with an element in a map of table ip svcc."""
    return f"{text}\ntable ip svcc {{ map {name} {{ }} }}\nadd element ip svcc {name} {{ {element} }}\n"


def kube_proxy_text(layout: str = "1.37", *, leftovers: int = 0) -> str:
    cluster = load([str(ROOT / "examples" / "shop")]).cluster
    return kube_proxy_ruleset(cluster, NODE, SHOP_SETTINGS, layout, leftovers=leftovers)
