"""Documents come out of a stream however it is cut, and garbage takes nothing else away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.sources.splitter import JsonSplitter, Piece

EVENT = b'{"type":"ADDED","object":{"a":[{"b":"}{"},{"c":"\\"]"}]}}'


def split(data: bytes, cuts: tuple[int, ...] = (), most: int = 10_000) -> list[Piece]:
    splitter = JsonSplitter(most)
    pieces: list[Piece] = []
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        pieces += splitter.feed(data[start:end])
    pieces += splitter.finish()
    assert splitter.offset == len(data)
    assert not splitter._buffer
    return pieces


def found(data: bytes, most: int = 10_000) -> list[bytes]:
    return [piece.data for piece in split(data, most=most) if piece.fault is None]


def faults(data: bytes, most: int = 10_000) -> list[tuple[int, int, str]]:
    return [(piece.line, piece.offset, piece.fault) for piece in split(data, most=most) if piece.fault is not None]


def test_documents_need_nothing_between_them() -> None:
    assert found(b"{}[1]{}\n\n{}\r\n \xef\xbb\xbf{}\x1e{}") == [b"{}", b"[1]", b"{}", b"{}", b"{}", b"{}"]


def test_a_document_knows_its_line_and_its_byte() -> None:
    assert [(piece.line, piece.offset) for piece in split(b'{"a":\n1}\n\n{} {}')] == [(1, 0), (4, 10), (4, 13)]


def test_indented_documents_are_whole() -> None:
    text = json.dumps(json.loads(EVENT), indent=4).encode()
    assert found(text + b"\n" + text) == [text, text]


def test_a_line_of_garbage_is_told_with_its_place_and_the_next_line_is_read() -> None:
    data = EVENT + b"\nerror: the server {doesn't} answer\n" + EVENT
    assert found(data) == [EVENT, EVENT]
    assert faults(data) == [(2, len(EVENT) + 1, "this is no JSON document")]
    assert split(data)[1].data == b"error: the server {doesn't} answer"


def test_an_event_in_a_line_of_garbage_is_found() -> None:
    assert found(b"W1123 13:00 throttled" + EVENT + b"\n" + EVENT) == [EVENT, EVENT]


@pytest.mark.parametrize("cut", range(1, len(EVENT)))
@pytest.mark.parametrize("between", [b"", b"\n"])
def test_an_event_that_was_cut_off_takes_none_of_the_next_ones_away(cut: int, between: bytes) -> None:
    data = EVENT + b"\n" + EVENT[:cut] + between + EVENT + b"\n" + EVENT + b"\n" + EVENT
    assert found(data) == [EVENT] * 4
    assert [offset for _, offset, _ in faults(data)] == [len(EVENT) + 1]


def test_an_indented_document_that_was_cut_off_takes_none_of_the_next_ones_away() -> None:
    text = json.dumps(json.loads(EVENT), indent=4).encode()
    for cut in range(1, len(text)):
        data = text[:cut] + b"\n" + text + b"\n" + text + b"\n"
        assert found(data)[-2:] == [text, text], cut


def test_the_end_of_the_stream_inside_of_a_document_is_told() -> None:
    assert faults(b'{"a": "b') == [(1, 0, "the stream ends inside of this document: was it cut off?")]


def test_a_document_that_is_too_large_is_told_and_passed_over() -> None:
    large = b'{"a": "' + b"x" * 300 + b'"}'
    assert found(large + b"\n" + EVENT, 200) == [EVENT]
    assert faults(large + b"\n" + EVENT, 200) == [(1, 0, "the document is larger than 200 bytes")]


def test_no_more_than_one_document_is_ever_held() -> None:
    splitter = JsonSplitter(1000)
    for _ in range(1000):
        list(splitter.feed(b'"' + b"x" * 99))
        assert len(splitter._buffer) < 1200
    splitter = JsonSplitter(1000)
    for _ in range(1000):
        list(splitter.feed(b"[" * 100))
        assert len(splitter._buffer) < 1200


def test_garbage_without_end_is_told_once() -> None:
    assert len(faults(b"x" * 5000 + b"\n" + b"y\n" * 5000)) == 1


def test_what_is_quoted_of_garbage_before_an_indented_event_does_not_depend_on_the_cut() -> None:
    text = b"]" + json.dumps(json.loads(EVENT), indent=4).encode()
    for cut in range(1, len(text)):
        assert split(text, (cut,)) == split(text), cut
    assert split(text)[0].data == b"]"


def test_a_line_of_garbage_is_told_at_once() -> None:
    assert [piece.data for piece in JsonSplitter(1000).feed(b"error: refused\n")] == [b"error: refused"]


WORDS = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b":",
        b",",
        b"\n",
        b" ",
        b"x",
        b"\xef\xbb\xbf",
        b"\xef",
        b'{"type":"ADDED"',
        b'{\n    "type": "ADDED"',
        EVENT,
    ]
)
SOUP = st.lists(WORDS | st.binary(max_size=5), max_size=40).map(b"".join)


@given(SOUP, st.lists(st.integers(0, 300), max_size=20).map(tuple), st.sampled_from([30, 150, 10_000]))
def test_however_a_stream_is_cut_the_same_pieces_come_out(data: bytes, cuts: tuple[int, ...], most: int) -> None:
    assert split(data, cuts, most) == split(data, (), most)


@given(SOUP)
def test_one_byte_at_a_time_makes_no_difference(data: bytes) -> None:
    assert split(data, tuple(range(len(data)))) == split(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4) | st.lists(JSON, max_size=4), max_size=6),
    st.sampled_from([None, 1, 4]),
    st.sampled_from(["", " ", "\n", "\r\n"]),
    st.booleans(),
)
def test_valid_documents_come_out_as_they_went_in(
    values: list[object], indent: int | None, between: str, is_ascii: bool
) -> None:
    texts = [json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode() for value in values]
    assert found(between.encode().join(texts), 1_000_000) == texts
