"""Several pipes that speak of one cluster, as the kubectls do that watch one kind of objects each."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.errors import InputError, SettingsError
from svcc.sources.completeness import Completeness
from svcc.sources.contract import SourceEndedError, SourceLostError
from svcc.sources.directory import DirectorySource
from svcc.sources.named_streams import is_stream
from svcc.sources.opening import open_source
from svcc.sources.stream import StreamSource
from tests.sources.declared_objects import WEB, added, bookmark, endpoint_slice, event, line, node, reference, service
from tests.sources.following import Following

NAMES = ("services", "slices")
WEB_SLICE = reference("web-1", kind="EndpointSlice")
SERVICES = added(service("web")) + line(bookmark("Service"))
SLICES = added(endpoint_slice("web")) + line(bookmark("EndpointSlice"))


class Pipes:
    """As many pipes as names, and the source that reads them."""

    def __init__(self, stack: ExitStack, names: tuple[str, ...] = NAMES, *, quiet: float = 1e6) -> None:
        ends = [os.pipe() for _ in names]
        readers = [stack.enter_context(os.fdopen(reader, "rb", buffering=0)) for reader, _ in ends]
        self.writers = [stack.enter_context(os.fdopen(writer, "wb", buffering=0)) for _, writer in ends]
        self.source = StreamSource(*readers, names=names, completeness=Completeness(quiet=quiet))

    def write(self, *texts: bytes) -> None:
        for writer, text in zip(self.writers, texts, strict=False):
            writer.write(text)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_the_list_is_complete_when_that_of_each_stream_is(stack: ExitStack) -> None:
    pipes = Pipes(stack)
    with Following(pipes.source) as following:
        pipes.write(SERVICES, added(endpoint_slice("web")))
        pipes.write(b"", line(bookmark("EndpointSlice")))
        following.until_listed()
        assert set(following.objects) == {WEB, WEB_SLICE}
        assert pipes.source.awaited == ()
        pipes.write(line(event("MODIFIED", service("web", port=81))), line(event("DELETED", endpoint_slice("web"))))
        following.until(lambda so_far: so_far.port(WEB) == 81 and WEB_SLICE not in so_far.objects)


def test_without_bookmarks_all_of_them_must_be_quiet(stack: ExitStack) -> None:
    pipes = Pipes(stack, quiet=0.05)
    with Following(pipes.source) as following:
        pipes.write(added(service("web")), added(endpoint_slice("web")))
        following.until_listed()
        assert set(following.objects) == {WEB, WEB_SLICE}


def test_a_stream_that_has_said_nothing_keeps_the_list_from_being_complete(stack: ExitStack) -> None:
    pipes = Pipes(stack, (*NAMES, "nodes"), quiet=0)
    source = pipes.source
    assert source.awaited[:2] == ("EndpointSlices: none seen yet", "Services: none seen yet")
    source._take(source._inputs[0], added(service("web")))
    source._take(source._inputs[1], added(endpoint_slice("web")) + added(endpoint_slice("api"))[:40])
    assert source.awaited == ("slices: the end of a document", "nodes: nothing has come from it yet")
    with Following(source) as following:
        pipes.write(b"", added(endpoint_slice("api"))[40:], added(node("worker")))
        following.until_listed()
        assert len(following.objects) == 4


def test_events_of_two_streams_are_told_apart_wherever_they_are_cut(stack: ExitStack) -> None:
    pipes = Pipes(stack)
    with Following(pipes.source) as following:
        for position in range(0, max(len(SERVICES), len(SLICES)), 50):
            pipes.write(SERVICES[position : position + 50], SLICES[position : position + 50])
        following.until_listed()
        assert set(following.objects) == {WEB, WEB_SLICE}
        assert not following.problems


def test_problems_have_the_name_and_the_lines_of_their_own_stream(stack: ExitStack) -> None:
    pipes = Pipes(stack)
    with Following(pipes.source) as following:
        pipes.write(SERVICES + b"oh\n", SLICES)
        pipes.write(b"", b"\n\nno\n")
        following.until(lambda so_far: len(so_far.problems) == 2)
        assert {str(problem.source) for problem in following.problems} == {"services:3", "slices:5"}


def test_one_that_ends_is_named_and_what_it_said_last_counts(stack: ExitStack) -> None:
    pipes = Pipes(stack)
    with Following(pipes.source) as following:
        pipes.write(SERVICES, SLICES)
        following.until_listed()
        pipes.write(b"", line(event("DELETED", endpoint_slice("web"))))
        pipes.writers[1].close()
        following.until_end()
        assert set(following.objects) == {WEB}
        assert isinstance(following.failure, SourceEndedError)
        assert following.failure.message.startswith("slices has ended")


def test_one_that_ends_while_the_others_still_list_makes_no_list(stack: ExitStack) -> None:
    pipes = Pipes(stack, quiet=0.05)
    with Following(pipes.source) as following:
        pipes.write(added(service("web")), added(endpoint_slice("web")))
        pipes.writers[0].close()
        following.until_end()
        assert isinstance(following.failure, SourceLostError)
        assert "services ended" in following.failure.message
        assert not following.batches


def test_dumps_that_have_all_ended_are_a_list(stack: ExitStack) -> None:
    pipes = Pipes(stack)
    with Following(pipes.source) as following:
        pipes.write(added(service("web")), added(endpoint_slice("web")))
        for writer in pipes.writers:
            writer.close()
        following.until_end()
        assert following.failure is None
        assert set(following.objects) == {WEB, WEB_SLICE}


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 400)), max_size=40))
def test_however_the_streams_take_turns_they_say_the_same(turns: list[tuple[int, int]]) -> None:
    texts = [SERVICES + added(service("api")) * 2, SLICES + b"garbage\n" + added(endpoint_slice("api"))]
    with ExitStack() as stack:
        pipes = Pipes(stack)
        source = pipes.source
        for which, count in [*turns, (0, 10_000), (1, 10_000)]:
            if texts[which]:
                source._take(source._inputs[which], texts[which][:count])
                texts[which] = texts[which][count:]
        batch = source.list()
    assert {change.reference.name for change in batch.changes} == {"web", "api", "web-1", "api-1"}
    assert [str(problem.source) for problem in batch.problems] == ["slices:3"]


def _opened(names: list[str], stdin: io.FileIO) -> StreamSource:
    source = open_source(names, stdin=stdin)
    assert isinstance(source, StreamSource)
    return source


def test_named_pipes_descriptors_and_sockets_are_streams(tmp_path: Path, stack: ExitStack) -> None:
    fifo, listening = tmp_path / "fifo", stack.enter_context(socket.socket(socket.AF_UNIX))
    os.mkfifo(fifo)
    listening.bind(str(tmp_path / "socket"))
    listening.listen()
    reader, writer = os.pipe()
    one, other = socket.socketpair()
    stack.callback(os.close, reader)
    for each in (one, other):
        stack.enter_context(each)
    names = [str(fifo), str(tmp_path / "socket"), f"/dev/fd/{reader}", f"/proc/self/fd/{one.fileno()}", "-"]
    with open(os.devnull, "rb", buffering=0) as stdin:  # noqa: PTH123  (a raw file)
        source = _opened([*names[:-1], names[0]], stdin)
        assert source.name == ", ".join(names[:-1])
        accepted = stack.enter_context(listening.accept()[0])
        with Following(source) as following:
            with open(fifo, "wb", buffering=0) as pipe:  # noqa: PTH123
                pipe.write(SERVICES)
                os.write(writer, added(node("worker")) + line(bookmark("Node")))
                other.sendall(SLICES)
                accepted.sendall(added(service("api")) + line(bookmark("Service")))
                following.until_listed()
                assert len(following.objects) == 4
                os.close(writer)
                following.until_end()
            assert isinstance(following.failure, SourceEndedError)
            assert f"/dev/fd/{reader}" in following.failure.message


def test_streams_are_told_from_files_by_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert [is_stream(name) for name in ("-", "/dev/null", "/dev/fd/63", "/dev/stdin")] == [True] * 4
    assert not any(is_stream(str(tmp_path / name)) for name in (".", "file", "none"))
    with open(os.devnull, "rb", buffering=0) as stdin:  # noqa: PTH123
        assert isinstance(open_source([str(tmp_path / "file")], stdin=stdin), DirectorySource)
        with pytest.raises(SettingsError, match=r"/dev/null.*together with files.*/file"):
            open_source([str(tmp_path / "file"), "/dev/null"], stdin=stdin)
        with pytest.raises(InputError, match="Bad file descriptor"):
            open_source(["/dev/fd/987654"], stdin=stdin)
