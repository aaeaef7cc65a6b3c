"""The help texts, checked in, so that a change of the command line is seen in review."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from svcc.cli import cli
from tests.cli.command import program, svcc

HELP = Path(__file__).with_name("help")
COMMANDS = ["", *sorted(cli.commands)]
COMMANDS += [
    f"{name} {inner}"
    for name, command in sorted(cli.commands.items())
    if isinstance(command, click.Group)
    for inner in sorted(command.commands)
]


def file_name(command: str) -> str:
    return command.replace(" ", "-") or "svcc"


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_text_is_what_it_was(command: str, update_golden: bool) -> None:
    golden = HELP / f"{file_name(command)}.txt"
    outcome = svcc(*command.split(), "-h")
    assert (outcome.code, outcome.err) == (0, "")
    if update_golden:
        golden.write_text(outcome.out)
    assert outcome.out == golden.read_text()


def test_there_is_no_help_text_of_a_command_that_is_gone() -> None:
    assert sorted(path.stem for path in HELP.iterdir()) == sorted(map(file_name, COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_long_and_short_help_are_the_same_and_fit_a_terminal(command: str) -> None:
    short, long = (svcc(*command.split(), flag) for flag in ("-h", "--help"))
    assert short == long
    assert max(len(line) for line in short.out.splitlines()) <= 100


def test_the_list_of_commands_says_all_there_is_to_say() -> None:
    assert "..." not in svcc("-h").out.partition("Commands:")[2]


def test_the_version_is_printed() -> None:
    outcome = svcc("--version")
    assert outcome.code == 0
    assert outcome.out.startswith("svcc, version ")


def test_without_a_command_the_help_is_shown_and_it_is_a_usage_error() -> None:
    outcome = svcc()
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == svcc("-h").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_a_script_that_completes_svcc(shell: str) -> None:
    outcome = svcc("completion", shell)
    assert (outcome.code, outcome.err) == (0, "")
    assert "_SVCC_COMPLETE" in outcome.out
    assert f"{shell}_complete" in outcome.out
    assert "%(" not in outcome.out


def test_the_program_answers_the_shells_question_what_comes_next() -> None:
    question = {"_SVCC_COMPLETE": "bash_complete", "COMP_WORDS": "svcc com", "COMP_CWORD": "1"}
    assert program(environment=question).out.split() == ["plain,compile", "plain,completion"]


def test_an_unknown_shell_is_a_usage_error() -> None:
    outcome = svcc("completion", "tcsh")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'tcsh' is not one of" in outcome.err
