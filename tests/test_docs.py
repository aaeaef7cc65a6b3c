"""What the documentation shows is what happens: examples in docstrings, Python and shell in Markdown, and links."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from attrs import frozen

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted(
    path for path in (ROOT, ROOT / "examples", ROOT / "bench", ROOT / "tests") for path in path.glob("*.md")
)
PACKAGE = ROOT / "python" / "svcc"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text()
)
KUBECTL = "get svc,endpointslices,nodes,servicecidrs -A -o json"


@frozen
class Block:
    """A fenced block of a document, and the line on which its content starts."""

    language: str
    line: int
    text: str


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document."""
    content = document.read_text()
    for match in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```$", content):
        yield Block(match[1], content.count("\n", 0, match.start(2)) + 1, match[2])


def test_there_are_examples_in_docstrings() -> None:
    assert "svcc" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_modules_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS, raise_on_error=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_readmes_python_runs_from_top_to_bottom() -> None:
    if not README.exists():
        pytest.skip("there is no README.md yet")
    found = [block for block in blocks(README) if block.language == "python"]
    assert found
    namespace: dict[str, object] = {"__name__": "readme"}
    for block in found:
        # The lines before the block are kept as empty ones, so that a traceback names those of the README.
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, str(README), "exec"), namespace)  # noqa: S102


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Commands and the output that is shown below each; a command goes on where a line ends with a backslash."""
    for part in re.split(r"(?m)^\$ ", block.text)[1:]:
        match = re.match(r"(?s)((?:[^\n]*\\\n)*[^\n]*)\n?(.*)", part)
        assert match is not None
        yield match[1], match[2]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder that looks like the repository's root, where commands may write, with a cluster for kubectl to show."""
    for name in ("examples", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / ".programs"
    programs.mkdir()
    shop = sorted((ROOT / "examples" / "shop").glob("*.yaml"))
    items = [item for path in shop for item in yaml.safe_load_all(path.read_text())]
    (programs / "cluster.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    (programs / "kubectl").write_text(f'#!/bin/sh\ntest "$*" = "{KUBECTL}" && cat {programs}/cluster.json\n')
    (programs / "kubectl").chmod(0o755)
    return tmp_path


def run_command(command: str, workplace: Path, *, isolated: bool) -> tuple[int, str]:
    """Exit code and all output of a shell command; `isolated` gives it a network namespace that it may change."""
    program = ["bash", "-o", "pipefail", "-c", command]
    result = subprocess.run(
        ["unshare", "-n", *program] if isolated else program,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=workplace,
        env={**os.environ, "PATH": f"{workplace}/.programs:{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout


def check_console(block: Block, workplace: Path, *, isolated: bool) -> None:
    """Run the commands of a block; where output is shown it is compared, elsewhere the command must succeed."""
    for command, shown in commands(block):
        code, output = run_command(command, workplace, isolated=isolated)
        if not shown:
            assert code == 0, f"$ {command}\n{output}"
        elif not doctest.OutputChecker().check_output(shown, output, doctest.ELLIPSIS):
            pytest.fail(f"$ {command}\nshown:\n{shown}\nreal:\n{output}")


NEEDS_KERNEL = re.compile(r"\bnft -")
CONSOLES = [
    pytest.param(
        block,
        id=f"{document.relative_to(ROOT)}:{block.line}",
        marks=[pytest.mark.kernel] if NEEDS_KERNEL.search(block.text) else [],
    )
    for document in DOCUMENTS
    for block in blocks(document)
    if block.language == "console"
]


@pytest.mark.parametrize("block", CONSOLES)
def test_the_commands_of_a_document_do_what_is_shown(block: Block, workplace: Path) -> None:
    check_console(block, workplace, isolated=NEEDS_KERNEL.search(block.text) is not None)


def test_output_that_differs_from_what_is_shown_is_noticed(workplace: Path) -> None:
    good = Block("console", 1, "$ seq 1 \\\n  9\n1\n...\n9\n$ true\n")
    check_console(good, workplace, isolated=False)
    for text in ("$ seq 1 3\n1\n3\n", "$ false\n"):
        with pytest.raises((pytest.fail.Exception, AssertionError)):
            check_console(Block("console", 1, text), workplace, isolated=False)


def anchors(document: Path) -> set[str]:
    """The places inside a document that links can name, as GitHub makes them of headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []
