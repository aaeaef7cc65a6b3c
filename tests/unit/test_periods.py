"""Lengths of time: one way to read them, in manifests and in options."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.cli import cli
from svcc.cli.durations import Duration
from svcc.periods import seconds_of

COUNTS = st.integers(0, 999)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("30s", 30),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1h0m0s", 3600),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("+5s", 5),
        ("-2m", -120),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("1s1s", 2),
        ("2562047h47m16s", 9223372036),
    ],
)
def test_what_go_reads_as_a_duration(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "s",
        ".s",
        "1d",
        "1 s",
        " 1s",
        "1s\n",
        "1S",
        "--1s",
        "1e3s",
        "inf",
        "nan",
        "٣s",
        "2562048h",
        f"{'9' * 999}s",
    ],
)
def test_what_go_refuses_as_a_duration(text: str) -> None:
    assert seconds_of(text) is None


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    meant = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    assert seconds_of(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(meant.total_seconds())


def options(command: click.Command, *names: str) -> Iterator[tuple[str, click.Option]]:
    """All options of a command and of those below it, by how they are typed."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield " ".join((*names, parameter.opts[0])), parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options(below, *names, name)


TIMES = {name: option for name, option in options(cli) if isinstance(option.type, Duration)}


def test_every_option_that_is_a_length_of_time_is_read_like_the_others() -> None:
    assert set(TIMES) == {name for name, option in options(cli) if option.metavar == "TIME"}
    assert set(TIMES) == {
        "apply --confirm-within",
        "dns push --timeout",
        "node --health-timeout",
        "node --list-quiet",
        "node --min-sync-period",
        "node --sync-period",
        "node status --timeout",
    }


@pytest.mark.parametrize("name", sorted(TIMES))
def test_an_option_takes_what_manifests_take_and_a_number_of_seconds(name: str) -> None:
    kind = TIMES[name].type
    for text, seconds in (("500ms", 0.5), ("1m30s", 90), ("1h", 3600), ("30", 30), ("0.25", 0.25), (" 5s ", 5)):
        assert kind.convert(text, None, None) == seconds
    for text in ("-1s", "-1", "soon", "", "1d", "9999999999h"):
        with pytest.raises(click.BadParameter, match="is no length of time, such as 500ms"):
            kind.convert(text, None, None)


def test_some_lengths_of_time_have_bounds() -> None:
    patience = TIMES["apply --confirm-within"].type
    assert patience.convert("24h", None, None) == 86400
    with pytest.raises(click.BadParameter, match="'24h1s' is longer than 24h"):
        patience.convert("24h1s", None, None)
    for name in ("apply --confirm-within", "dns push --timeout", "node status --timeout"):
        with pytest.raises(click.BadParameter, match="is no time at all"):
            TIMES[name].type.convert("0ms", None, None)
    assert TIMES["node --min-sync-period"].type.convert("0", None, None) == 0
