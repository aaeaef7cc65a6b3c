"""Golden rulesets: complete files, readable as documentation, that nft accepts.

Each folder of `tests/golden` is a case: what it shows (README.md), what was declared (manifest.yaml), how it was
compiled (arguments), and what came out (ruleset.nft, dataplane.json). `pytest --update-golden` rewrites the last two.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from svcc.cli import run
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.nft_versions import Program, nft_programs

CASES = sorted(path for path in (Path(__file__).parents[1] / "golden").iterdir() if path.is_dir())
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each_case
@pytest.mark.parametrize(("output", "file"), [("nft", "ruleset.nft"), ("dataplane", "dataplane.json")])
def test_the_output_is_what_it_was(
    case: Path,
    output: str,
    file: str,
    update_golden: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(case)
    arguments = shlex.split((case / "arguments").read_text())
    assert run(["compile", "-q", "-f", "manifest.yaml", "-o", output, *arguments]) == 0
    found = capsys.readouterr().out
    if update_golden:
        (case / file).write_text(found)
    assert found == (case / file).read_text()


@each_case
def test_the_readme_says_which_rules_the_case_shows(case: Path) -> None:
    readme = (case / "README.md").read_text()
    assert readme.startswith("# ")
    assert "S" in readme


@pytest.mark.kernel
@each_case
def test_each_nft_loads_it_over_itself_and_all_list_it(case: Path, nft: Program) -> None:
    script = (case / "ruleset.nft").read_text()
    namespace = NetworkNamespace()
    try:
        for arguments in (["-c", "-f", "-"], ["-f", "-"], ["-f", "-"]):
            result = namespace.run(*nft.command, *arguments, text=script)
            assert result.returncode == 0, result.stderr
        for reader in nft_programs().values():
            text = namespace.run(*reader.command, "list", "ruleset")
            assert (text.returncode, "map endpoints" in text.stdout) == (0, True), text.stderr
            listing = namespace.run(*reader.command, "-j", "list", "ruleset")
            assert listing.returncode == 0, listing.stderr
            tables = [item["table"]["family"] for item in json.loads(listing.stdout)["nftables"] if "table" in item]
            assert sorted(tables) == ["ip", "ip6"]
    finally:
        namespace.close()


@pytest.mark.kernel
@each_case
def test_the_json_form_has_the_same_effect(
    case: Path, nft: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if nft.version < (1, 1, 2):
        pytest.skip(f"nft {nft.version_text} has no JSON for typeof")
    monkeypatch.chdir(case)
    assert run(["compile", "-q", "-f", "manifest.yaml", "-o", "json", *shlex.split(Path("arguments").read_text())]) == 0
    forms = {"json": ["-j", "-f", "-"], "text": ["-f", "-"]}
    texts = {"json": capsys.readouterr().out, "text": Path("ruleset.nft").read_text()}
    listings = {}
    for form, arguments in forms.items():
        namespace = NetworkNamespace()
        try:
            result = namespace.run(*nft.command, *arguments, text=texts[form])
            assert result.returncode == 0, result.stderr
            listed = namespace.run(*nft.command, "list", "ruleset").stdout
        finally:
            namespace.close()
        # The kernel keeps how a set was declared for nft to print, and nft tells it so for text only.
        listings[form] = [line for line in listed.splitlines() if not re.match(r"\t\ttype(of)? .*", line)]
    assert listings["json"] == listings["text"]
