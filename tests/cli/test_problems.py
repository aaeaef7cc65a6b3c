"""Objects that are broken: what is told, where, and what becomes of the others."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from svcc.cli import inputs
from tests.cli.command import svcc
from tests.cli.manifests import endpoint_slice, node, service, text

BROKEN = """\
apiVersion: v1
kind: Service
metadata: {name: good}
spec:
  clusterIP: 10.96.0.1
  ports: [{port: 80}]
---
apiVersion: v1
kind: Service
metadata:
  name: bad
  namespace: shop
spec:
  clusterIP: 10.96.0.2
  ports:
    - port: 70000
"""
TOLD = "error: Service shop/bad: spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"
NAMES_ONLY = text(
    service("headless", "None"),
    {**service("outside"), "spec": {"type": "ExternalName", "externalName": "pay.example.com"}},
    *({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"d{number}"}} for number in range(2)),
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}},
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    return str(path)


def test_a_broken_object_is_left_out_and_told_with_its_place_in_the_servers_words(broken: str) -> None:
    outcome = svcc("compile", "-f", broken)
    assert outcome.code == 0
    assert outcome.err == f"{broken}:16: {TOLD}\n"
    assert "10.96.0.1 . 80" in outcome.out
    assert "10.96.0.2" not in outcome.out


def test_the_others_are_compiled_as_if_the_broken_one_were_not_there(broken: str) -> None:
    assert svcc("compile", "-f", broken).out == svcc("compile", "-f", "-", stdin=BROKEN.partition("---")[0]).out


@pytest.mark.parametrize("output", ["nft", "json", "dataplane"])
def test_strict_prints_nothing_and_fails(broken: str, output: str) -> None:
    outcome = svcc("compile", "-f", broken, "--strict", "-o", output)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.told[0] == f"{broken}:16: {TOLD}"
    assert outcome.told[-1] == "error: nothing was compiled: 1 error above"


def test_strict_is_content_with_input_in_order() -> None:
    manifest = text(service(), endpoint_slice(), node())
    lenient, strict = (svcc("compile", "-f", "-", *flags, stdin=manifest) for flags in ((), ("--strict",)))
    assert strict == lenient
    assert (strict.code, strict.err) == (0, "")


def test_strict_does_not_mind_what_is_only_worth_knowing() -> None:
    assert svcc("compile", "-f", "-", "--strict", stdin=NAMES_ONLY).code == 0


def test_quiet_silences_talk_and_never_data(broken: str) -> None:
    loud, quiet = (svcc("compile", "-f", broken, *flags) for flags in ((), ("-q",)))
    assert (quiet.code, quiet.out) == (0, loud.out)
    assert [line for line in quiet.told if ": error: " not in line] == []
    assert set(quiet.told) <= set(loud.told)


def test_quiet_still_says_why_a_command_failed(broken: str) -> None:
    outcome = svcc("compile", "-q", "--strict", "-f", broken)
    assert (outcome.code, outcome.out) == (1, "")
    reason, end = outcome.told
    assert ": error: Service shop/bad: " in reason
    assert end == "error: nothing was compiled: 1 error above"


def test_services_that_are_names_only_are_told_on_request() -> None:
    silent, verbose = (svcc("compile", "-f", "-", *flags, stdin=NAMES_ONLY) for flags in ((), ("-v",)))
    assert silent.err == ""
    assert verbose.out == silent.out
    headless, outside = (line for line in verbose.told if "info: Service" in line)
    assert re.fullmatch(r"<stdin>:\d+: info: Service shop/headless: .*headless.*no rules", headless)
    assert re.fullmatch(r"<stdin>:\d+: info: Service shop/outside: .*ExternalName.*no rules", outside)


def test_kinds_that_are_not_read_are_counted_on_request() -> None:
    skipped = [line for line in svcc("compile", "-v", "-f", "-", stdin=NAMES_ONLY).told if "skipped" in line]
    assert skipped == ["skipped 3 objects of kinds that svcc does not read: Deployment (2), Pod (1)"]


@pytest.mark.parametrize(
    ("flags", "environment", "coloured"),
    [
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"CLICOLOR_FORCE": "1"}, False),
        (["--color", "auto"], {}, False),
        ([], {"CLICOLOR_FORCE": "1"}, True),
        ([], {"CLICOLOR_FORCE": "0"}, False),
        ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, True),
    ],
)
def test_colour_is_given_where_it_is_wanted_and_carries_no_meaning(
    broken: str, flags: list[str], environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outcome = svcc("compile", "-f", broken, *flags)
    assert bool(COLOUR.search(outcome.err)) is coloured
    assert COLOUR.sub("", outcome.err) == f"{broken}:16: {TOLD}\n"
    assert not COLOUR.search(outcome.out)


def test_the_same_problem_of_two_files_is_told_for_each(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(BROKEN.partition("---\n")[2].replace("bad", f"bad-{name[0]}"))
    outcome = svcc("compile", "-f", str(tmp_path))
    assert [line.partition(": ")[0] for line in outcome.told[:2]] == [f"{tmp_path}/a.yaml:9", f"{tmp_path}/b.yaml:9"]
    assert outcome.told[2] == "error: of what is declared nothing is in order, so nothing was compiled"


NOTHING = {
    "a list of nothing": '{"apiVersion": "v1", "kind": "List", "items": []}',
    "what a program says that failed": "Error from server (Forbidden)",
    "objects of other kinds": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}',
}


@pytest.mark.parametrize("command", ["compile", "dns"])
@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_declares_nothing_does_not_become_rules_that_clear_a_node(command: str, text: str) -> None:
    outcome = svcc(command, "-f", "-", stdin=text)
    assert (outcome.code, outcome.out) == (2, "")
    assert any(line.startswith("error: nothing is declared, so nothing was") for line in outcome.told)


def test_a_file_that_is_no_manifest_is_told_and_the_others_are_compiled(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(text(service()))
    (tmp_path / "torn.yaml").write_text("a: 'b")
    outcome = svcc("compile", "-f", str(tmp_path))
    assert outcome.code == 0
    assert outcome.told[0].startswith(f"{tmp_path}/torn.yaml:1: error: ")
    assert "10.96.0.10 . 80" in outcome.out


def test_a_service_that_claims_what_an_older_one_has_is_told() -> None:
    older, newer = service("older"), service("newer")
    older["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    newer["metadata"]["creationTimestamp"] = "2021-01-01T00:00:00Z"
    outcome = svcc("compile", "-f", "-", stdin=text(newer, older))
    assert outcome.code == 0
    assert "Service shop/newer" in outcome.err
    assert 'comment "shop/older:http"' in outcome.out
    assert svcc("compile", "-f", "-", "--strict", stdin=text(newer, older)).code == 1


def test_check_finds_nothing_in_input_in_order() -> None:
    outcome = svcc("check", "-f", "-", stdin=text(service(), endpoint_slice(), node()))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "0 errors, 0 warnings\n")


def test_check_prints_problems_as_data_and_fails(broken: str) -> None:
    outcome = svcc("check", "-f", broken)
    assert (outcome.code, outcome.out, outcome.err) == (1, f"{broken}:16: {TOLD}\n", "1 error, 0 warnings\n")
    quiet = svcc("check", "-q", "-f", broken)
    assert (quiet.code, quiet.out, quiet.err) == (1, outcome.out, "")


def test_check_needs_no_choice_of_a_node() -> None:
    assert svcc("check", "-f", "-", stdin=text(node("a"), node("b"))).code == 0


def test_check_as_json_says_the_same_in_fields(broken: str) -> None:
    outcome = svcc("check", "-f", broken, "-o", "json")
    assert outcome.code == 1
    assert json.loads(outcome.out) == {
        "apiVersion": "svcc/v1",
        "kind": "ProblemList",
        "items": [
            {
                "rule": "service/port-out-of-range",
                "severity": "error",
                "message": "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "hint": None,
                "path": "spec.ports[0].port",
                "object": {"kind": "Service", "namespace": "shop", "name": "bad"},
                "file": broken,
                "line": 16,
            }
        ],
    }


def test_check_as_json_is_a_document_even_if_all_is_well() -> None:
    outcome = svcc("check", "-f", "-", "-o", "json", stdin=text(service()))
    assert outcome.code == 0
    assert json.loads(outcome.out) == {"apiVersion": "svcc/v1", "kind": "ProblemList", "items": []}


def test_check_fails_for_warnings_under_strict_only() -> None:
    twice = text(service(), service())
    lenient, strict = (svcc("check", "-f", "-", *flags, stdin=twice) for flags in ((), ("--strict",)))
    assert ": warning: Service shop/web: declared twice" in lenient.out
    assert strict.out == lenient.out
    assert (lenient.code, strict.code) == (0, 1)


def test_check_finds_whatever_compile_tells(broken: str) -> None:
    manifest = BROKEN + "---\n" + BROKEN.partition("---\n")[0]
    checked, told = (svcc(command, "-f", "-", stdin=manifest) for command in ("check", "compile"))
    assert checked.out == told.err


def test_an_interrupt_ends_with_130_and_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inputs, "load", interrupted)
    outcome = svcc("compile", "-f", "-")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.strip() == "error: interrupted"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-m", "svcc", "--version"], 130, "error: interrupted"),
        (["-c", "import sys; sys.argv[0] = '/bin/svcc'; import svcc.cli"], 130, "error: interrupted"),
        (["-c", "from svcc import Service"], None, "KeyboardInterrupt"),
        (["-m", "svcc.cli.output"], None, "KeyboardInterrupt"),
    ],
)
def test_an_interrupt_while_the_command_is_imported_is_told_alike(
    tmp_path: Path, arguments: list[str], code: int | None, told: str
) -> None:
    (tmp_path / "attrs.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    run = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode not in (0, 4)
    assert code is None or run.returncode == code
    assert (run.stderr.strip() == told) if code else run.stderr.strip().endswith(told)
    assert run.stdout == ""


def test_a_bug_of_svcc_ends_with_4_and_a_way_to_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(inputs, "load", failing)
    outcome = svcc("compile", "-f", "it's here")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.told[0] == "error: internal error, this is a bug: ZeroDivisionError: no such luck"
    assert outcome.told[1].startswith("hint: ")
    assert """compile -f 'it'"'"'s here'""" in outcome.told[1]
    assert "Traceback" not in outcome.err


def test_what_ends_the_command_is_coloured_like_everything_else() -> None:
    assert "\x1b[" in svcc("compile", "-f", "no-such-file", "--color", "always").err
    assert "\x1b[" not in svcc("compile", "-f", "no-such-file", "--color", "never").err
