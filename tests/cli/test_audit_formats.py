"""Whatever is audited, and in whatever format it is told: the findings are the same, and so is what is not covered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from svcc.auditing.scope import NOT_COVERED
from svcc.report.audit import FORMATS
from tests.cli.command import ROOT, svcc
from tests.report.reading import FINGERPRINTS

SHOP = str(ROOT / "examples" / "shop")
CIDRS = ("--cluster-cidr", "10.244.0.0/16", "--cluster-cidr", "fd00:244::/32")
CART = 'tcp . 10.96.0.20 . 80 comment "shop/cart:http" : goto sticky-shop/cart/tcp/http,'
FIREWALL = "table ip f { chain c { type filter hook forward priority 5; ip daddr 10.244.2.21 drop; } }\n"


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    """The ruleset of each node of the shop."""
    return {node: svcc("compile", "-f", SHOP, "--node", node, *CIDRS).out for node in ("worker-1", "worker-2")}


@pytest.fixture(scope="module")
def audits(scripts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """The arguments of an audit of one dump, of two and of many."""
    folder = tmp_path_factory.mktemp("dumps")
    bad = scripts["worker-1"].replace(CART, "") + FIREWALL
    assert bad != scripts["worker-1"] + FIREWALL
    (folder / "worker-1.nft").write_text(bad)
    (folder / "worker-2.nft").write_text(scripts["worker-2"])
    before = tmp_path_factory.mktemp("before") / "before.nft"
    before.write_text(scripts["worker-1"])
    dump = str(folder / "worker-1.nft")
    return {
        "one dump": (dump, "-f", SHOP, "--node", "worker-1", *CIDRS),
        "against": (dump, "--against", str(before)),
        "folder": (str(folder), "-f", SHOP, *CIDRS),
    }


def plain(output: str, text: str) -> str:
    return text.replace("%0A", "\n").replace("%25", "%") if output == "github" else text


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("case", ["one dump", "against", "folder"])
def test_every_format_tells_the_same_findings_and_what_is_not_covered(
    audits: dict[str, tuple[str, ...]], case: str, output: str
) -> None:
    found, document = (svcc("audit", "-q", *audits[case], "-o", each) for each in (output, "json"))
    assert (found.code, found.err) == (1, "")
    told = sorted(FINGERPRINTS[output](found.out))
    assert told == sorted(FINGERPRINTS["json"](document.out))
    assert len(told) >= 2
    text = plain(output, found.out)
    reports = 2 if case == "folder" else 1
    assert [text.count(sentence) for sentence in NOT_COVERED] == [reports] * len(NOT_COVERED)


@pytest.mark.parametrize("output", FORMATS)
def test_every_format_names_the_element_that_is_missing(audits: dict[str, tuple[str, ...]], output: str) -> None:
    text = svcc("audit", "-q", *audits["one dump"], "-o", output).out
    assert "map services lacks tcp . 10.96.0.20 . 80" in text
    if output != "sarif":
        assert '"missing": true' in text if output == "json" else "services: tcp . 10.96.0.20 . 80 (missing)" in text


def test_a_table_on_a_terminal_is_no_wider_than_it(
    audits: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from svcc.cli import run  # noqa: PLC0415

    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["audit", "-q", *audits["one dump"], "--color", "never"]) == 1
    lines = capsys.readouterr().out.splitlines()
    wrapped = [line for line in lines if line.startswith("  ") and not line.startswith("  Id")]
    assert len(wrapped) > 20
    assert all(len(line) <= 90 or " " not in line.strip()[60:] for line in wrapped), max(wrapped, key=len)


def test_a_table_in_a_file_has_sentences_of_any_length(audits: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    text = svcc("audit", "-q", *audits["one dump"]).out
    assert any(len(line) > 160 for line in text.splitlines())
