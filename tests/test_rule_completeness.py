"""Every rule is proven by packets: `tests/rules.md` lists the rules, names of tests in `tests/kernel` end in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
OF_A_NODE = {50, 51, *range(53, 59)}
"""Rules about what a process does, and not what becomes of packets; they are proven in `tests/node`, too."""
RULES = {*range(1, 50), 52, *OF_A_NODE}

SECTIONS = {
    "services": range(1, 6),
    "frontends": range(6, 10),
    "endpoints": range(10, 17),
    "selection": range(17, 24),
    "decision_order": range(24, 29),
    "source_nat": range(29, 34),
    "nothing_to_send_to": range(37, 40),
    "source_ranges": range(40, 42),
    "node_ports": range(42, 44),
    "pods": range(44, 45),
    "conflicts": range(45, 46),
    "odd_input": range(46, 48),
    "connections": range(48, 50),
    "hooks": range(52, 53),
}
"""Which rules each `test_rules_*.py` is about; S34 to S36 are those of `test_affinity.py`."""


def names_in(path: Path) -> Iterator[str]:
    """The names of all tests in a file."""
    for found in ast.walk(ast.parse(path.read_text())):
        if isinstance(found, ast.FunctionDef) and found.name.startswith("test_"):
            yield found.name


def rules_of(test: str) -> list[int]:
    """The rules that the name of a test ends in: 24 and 40 of `test_ranges_go_first_s24_s40`."""
    ending = re.search(r"(?:_s\d+)+$", test)
    return [int(number) for number in re.findall(r"\d+", ending[0])] if ending else []


def test_the_end_of_a_name_says_which_rules_it_is_about() -> None:
    assert rules_of("test_ranges_go_first_s24_s40") == [24, 40]
    assert rules_of("test_s24_is_not_at_the_end") == []
    assert rules_of("test_sets_4") == []


def test_every_rule_is_proven_by_packets() -> None:
    names = [name for path in sorted((TESTS / "kernel").glob("test_*.py")) for name in names_in(path)]
    of_nodes = [name for path in sorted((TESTS / "node").glob("test_*.py")) for name in names_in(path)]
    proven = {rule for name in names for rule in rules_of(name)}
    proven |= {rule for name in of_nodes for rule in rules_of(name)} & OF_A_NODE
    missing = [f"S{rule}" for rule in sorted(RULES - proven)]
    assert not missing, f"no test in tests/kernel ends in {', '.join(missing)}"
    unknown = [name for name in names if set(rules_of(name)) - RULES]
    assert not unknown, f"these name rules that tests/rules.md has not: {unknown}"


def test_each_file_proves_the_rules_of_its_section() -> None:
    files = {path.stem.removeprefix("test_rules_"): path for path in (TESTS / "kernel").glob("test_rules_*.py")}
    assert set(files) == set(SECTIONS)
    for section, path in files.items():
        names = list(names_in(path))
        assert not [name for name in names if not set(rules_of(name)) & set(SECTIONS[section])], section
        assert {rule for name in names for rule in rules_of(name)} >= set(SECTIONS[section]), section


def test_no_proof_is_skipped_or_expected_to_fail() -> None:
    for path in (TESTS / "kernel").glob("test_rules_*.py"):
        for found in ast.walk(ast.parse(path.read_text())):
            name = found.attr if isinstance(found, ast.Attribute) else getattr(found, "id", "")
            assert name not in {"skip", "skipif", "xfail", "importorskip"}, f"{path.name}: {name}"


def test_the_list_has_one_line_for_each_rule_in_order() -> None:
    lines = re.findall(r"^- \*\*S(\d+)\*\* (.+)$", (TESTS / "rules.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _sentence in lines] == sorted(RULES)
    assert all(sentence.endswith(".") and len(sentence) > 20 for _number, sentence in lines)
    assert len({sentence for _number, sentence in lines}) == len(lines)


def test_code_and_documents_cite_no_rule_that_is_not_listed() -> None:
    read = [*ROOT.glob("python/**/*.py"), *ROOT.glob("*.md"), *TESTS.glob("golden/*/README.md")]
    assert len(read) > 50
    for path in read:
        cited = {int(number) for number in re.findall(r"\bS(\d{1,2})\b", path.read_text())}
        assert cited <= RULES, f"{path.relative_to(ROOT)} cites {sorted(cited - RULES)}"
