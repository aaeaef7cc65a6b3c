"""Streams that are cut anywhere, that are no JSON, or that have no end."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.manifest.documents import Limits
from svcc.manifest.load import load_text
from svcc.model.service import Service
from svcc.sources.contract import SourceLostError
from svcc.sources.stream import StreamSource
from svcc.validate.update import objects_by_reference
from tests.sources.declared_objects import added, endpoint_slice, event, indented, line, service
from tests.sources.test_stream import NO_KINDS, unread


def fed(data: bytes, cuts: tuple[int, ...] = ()) -> tuple[list[object], set[str]]:
    """The objects and the problems that hold in the end, however the stream is cut."""
    source = unread(completeness=NO_KINDS, limits=Limits(file_bytes=20_000))
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        if data[start:end]:
            source._take(source._inputs[0], data[start:end])
    source._take(source._inputs[0], b"")
    batch = source.list()
    assert all(change.object is not None for change in batch.changes)
    assert list(source.changes()) == []
    source._files[0].close()
    return [change.object for change in batch.changes], {str(problem) for problem in batch.problems}


NAMES = st.sampled_from(["web", "api"])
OBJECTS = st.builds(service, NAMES, port=st.integers(0, 3)) | st.builds(endpoint_slice, NAMES, st.just("10.244.0.9"))
EVENTS = st.builds(event, st.sampled_from(["ADDED", "MODIFIED", "DELETED"]), OBJECTS)
TEXTS = st.builds(lambda value, is_long: indented(value) if is_long else line(value), EVENTS, st.booleans())
GARBAGE = st.sampled_from([b"error: lost\n", b'{"type": "ADDED", "obj', b"\xff\xfe\n", b"nul\x00l", b"]"]) | st.binary()
STREAMS = st.lists(TEXTS | GARBAGE, max_size=12).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 4000), max_size=30).map(tuple))
def test_however_a_stream_is_cut_it_says_the_same(data: bytes, cuts: tuple[int, ...]) -> None:
    assert fed(data, cuts) == fed(data)


@given(st.lists(EVENTS, max_size=12))
def test_a_stream_of_sound_events_says_what_load_says(events: list[dict[str, Any]]) -> None:
    sound = [
        each for each in events if each["object"]["kind"] != "Service" or each["object"]["spec"]["ports"][0]["port"]
    ]
    text = b"".join(map(line, sound))
    loaded = objects_by_reference(load_text(text, file="<stdin>.json").cluster)
    assert {item.reference: item for item in fed(text)[0]} == loaded  # type: ignore[attr-defined]


@given(st.binary(max_size=300) | STREAMS)
def test_arbitrary_bytes_are_problems_and_never_failures(data: bytes) -> None:
    fed(data)


def test_events_that_are_no_objects_at_all_are_problems() -> None:
    values: list[Any] = [None, 5, "x", [], [[]], {"kind": []}, {"kind": "Service", "apiVersion": "v1", "metadata": []}]
    for value in values:
        for kind in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"):
            assert fed(json.dumps({"type": kind, "object": value}).encode())[0] == []


def test_problems_without_end_do_not_fill_the_memory() -> None:
    source = unread(completeness=NO_KINDS)
    for _ in range(3):
        source._take(source._inputs[0], b"{}\n" * 1000)
    source._take(source._inputs[0], b"")
    batch = source.list()
    problems = batch.problems
    source._files[0].close()
    assert batch.over == problems, "nothing will ever resolve them"
    assert len(problems) == 1001
    assert problems[-1].detail == "2000 more problems are not told one by one"


def test_a_stream_that_cannot_be_read_any_more_is_lost(tmp_path: Path) -> None:
    # Reading from a directory fails, as reading from a terminal that is gone does.
    with io.FileIO(os.open(os.devnull, os.O_RDONLY)) as stream:
        source = StreamSource(stream, completeness=NO_KINDS)
        source.list()
        directory = os.open(tmp_path, os.O_RDONLY)
        os.dup2(directory, stream.fileno())
        os.close(directory)
        with pytest.raises(SourceLostError, match="cannot read <stdin>"):
            next(source.changes())


def test_a_service_says_where_it_was_read_and_keeps_no_text() -> None:
    source = unread(completeness=NO_KINDS)
    source._take(source._inputs[0], b"\n" + indented(service("api")) + added(service("web")))
    source._take(source._inputs[0], b"")
    objects = [change.object for change in source.list().changes]
    source._files[0].close()
    assert [str(item.source) for item in objects if isinstance(item, Service)] == ["<stdin>:2", "<stdin>:19"]
    assert all(item.source.line_of is None for item in objects if isinstance(item, Service) and item.source)
