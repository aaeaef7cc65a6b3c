"""Watch events from a pipe: what is a list, what changes it, and what garbage does to it."""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from attrs import frozen

from svcc.errors import InputError, SettingsError
from svcc.manifest.documents import Limits
from svcc.manifest.selection import Selection
from svcc.sources.completeness import Completeness
from svcc.sources.contract import SourceClosedError
from svcc.sources.directory import DirectorySource
from svcc.sources.opening import open_source
from svcc.sources.stream import StreamSource
from tests.sources.declared_objects import (
    API,
    WEB,
    added,
    bookmark,
    endpoint_slice,
    event,
    indented,
    line,
    node,
    reference,
    service,
)
from tests.sources.following import LONGEST, Following

FOREVER = Completeness(quiet=math.inf)
SOON = Completeness(quiet=0.02)
NO_KINDS = Completeness(kinds=frozenset(), quiet=0)
WEB_SLICE = reference("web-1", kind="EndpointSlice")
LISTED = added(service("web"), endpoint_slice("web")) + line(bookmark("Service")) + line(bookmark("EndpointSlice"))


@frozen
class Pipe:
    reader: BinaryIO
    writer: BinaryIO

    def write(self, data: bytes) -> None:
        self.writer.write(data)
        self.writer.flush()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = os.pipe()
    with os.fdopen(ends[0], "rb", buffering=0) as reader, os.fdopen(ends[1], "wb", buffering=0) as writer:
        yield Pipe(reader, writer)


def after(pipe: Pipe, data: bytes, *, ended: bool = True, **options: Any) -> Following:
    """What is known once the stream has said this and ended."""
    with Following(StreamSource(pipe.reader, completeness=FOREVER, **options)) as following:
        pipe.write(data)
        if ended:
            pipe.writer.close()
        following.until_end()
    return following


def test_events_that_begin_a_watch_are_the_list_and_those_behind_the_bookmarks_are_changes(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED)
        following.until_listed()
        assert following.batches[0].replaces_all
        assert set(following.objects) == {WEB, WEB_SLICE}
        pipe.write(line(event("MODIFIED", service("web", port=81))) + added(service("api")))
        following.until(lambda so_far: so_far.port(WEB) == 81 and so_far.port(API) == 80)
        pipe.write(line(event("DELETED", service("web", port=81))))
        following.until(lambda so_far: WEB not in so_far.objects)
        assert not any(batch.replaces_all for batch in following.batches[1:])
        assert not following.problems


def test_without_bookmarks_the_list_is_complete_after_a_quiet_time_with_all_kinds(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=SOON)) as following:
        pipe.write(added(service("web")))
        pipe.write(added(endpoint_slice("web")))
        following.until_listed()
        assert set(following.objects) == {WEB, WEB_SLICE}


def test_no_time_is_long_enough_while_a_kind_is_missing(pipe: Pipe) -> None:
    source = StreamSource(pipe.reader, completeness=Completeness(quiet=0))
    with Following(source) as following:
        pipe.write(added(service("web")))
        following.source.close()
        following.until_end()
        assert isinstance(following.failure, SourceClosedError)
        assert "EndpointSlices: none seen yet" in source.awaited


def test_no_time_is_long_enough_inside_of_a_document(pipe: Pipe) -> None:
    now = [0.0]
    source = StreamSource(pipe.reader, completeness=Completeness(quiet=5), clock=lambda: now[0])
    text = added(endpoint_slice("api"))
    source._take(source._inputs[0], added(service("web"), endpoint_slice("web")) + text[:50])
    now[0] = 1000.0
    listing = threading.Thread(target=lambda: batches.append(source.list()))
    batches: list[Any] = []
    listing.start()
    pipe.write(text[50:])
    now[0] = 2000.0
    pipe.writer.close()
    listing.join(LONGEST)
    assert [len(batch.changes) for batch in batches] == [3]


def test_a_bookmark_of_one_kind_does_not_end_the_list_of_the_others(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(added(service("web"), node("worker")) + line(bookmark("Service")))
        pipe.write(added(endpoint_slice("web")) + line(bookmark("EndpointSlice", ends=False)))
        pipe.write(line(bookmark("EndpointSlice")) + line(bookmark("Node")))
        following.until_listed()
        assert len(following.objects) == 3


def test_a_kind_without_any_object_is_complete_with_its_bookmark(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(added(service("web")) + line(bookmark("EndpointSlice")) + line(bookmark("Service")))
        following.until_listed()
        assert set(following.objects) == {WEB}


def test_an_indented_list_comes_first_and_events_follow(pipe: Pipe) -> None:
    everything = {"apiVersion": "v1", "kind": "List", "items": [service("web"), endpoint_slice("web"), node("worker")]}
    with Following(StreamSource(pipe.reader, completeness=SOON)) as following:
        pipe.write(indented(everything))
        following.until_listed()
        assert len(following.objects) == 3
        pipe.write(indented(event("MODIFIED", service("web", port=99))))
        following.until(lambda so_far: so_far.port(WEB) == 99)
        assert not following.problems


def test_the_end_of_a_dump_is_the_end_of_list_and_changes(pipe: Pipe) -> None:
    following = after(pipe, added(service("web"), endpoint_slice("web")))
    assert following.failure is None
    assert len(following.batches) == 1
    assert set(following.objects) == {WEB, WEB_SLICE}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (added(service("web")), "EndpointSlice"),
        (b"error: You must be logged in to the server (Unauthorized)\n", "EndpointSlice and Service"),
    ],
)
def test_a_stream_that_ends_before_it_is_complete_is_no_list(pipe: Pipe, data: bytes, said: str) -> None:
    following = after(pipe, data)
    assert isinstance(following.failure, InputError)
    assert said in following.failure.message
    assert not following.batches


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"error: You must be logged in to the server\n", "<stdin>:1: this is no JSON document"),
        (b"\napiVersion: v1\nkind: Service\n", "<stdin>:2: this is no JSON document"),
        (b'{"kind": "Service" "apiVersion": "v1"}\n', "<stdin>:1: "),
        (line({"type": "ERROR", "object": {"kind": "Status", "message": "no, thanks"}}), "no, thanks"),
    ],
)
def test_what_could_not_be_read_is_told_where_the_list_is_not_complete_for_it(
    pipe: Pipe, data: bytes, told: str
) -> None:
    source = StreamSource(pipe.reader, completeness=FOREVER)
    with Following(source) as following:
        pipe.write(data + added(service("web")))
        pipe.writer.close()
        following.until_end()
    assert isinstance(following.failure, InputError)
    assert ("-o json" in (following.failure.hint or "")) is ("thanks" not in told)
    assert told in (following.failure.hint or "")
    first, last = source.awaited
    assert first == "EndpointSlices: none seen yet"
    assert told in last


def test_closing_ends_changes_while_nothing_comes(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED)
        following.until_listed()
        following.source.close()
        following.source.close()
        following.until_end()
        assert following.failure is None


def test_a_refused_object_stays_as_it_was_until_it_is_in_order(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED)
        following.until_listed()
        pipe.write(line(event("MODIFIED", service("web", port=0))) + added(service("api")))
        following.until(lambda so_far: API in so_far.objects and bool(so_far.problems))
        assert following.port(WEB) == 80
        [problem] = following.problems
        assert (problem.object, problem.hint) == (WEB, "what it said before stays in force")
        assert problem.source is not None
        assert str(problem.source) == "<stdin>:5"
        pipe.write(line(event("MODIFIED", service("web", port=82))))
        following.until(lambda so_far: so_far.port(WEB) == 82 and not so_far.problems)


def test_what_is_wrong_with_an_object_is_over_when_it_is_deleted(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED + added(service("api", port=0)))
        following.until(lambda so_far: bool(so_far.problems))
        pipe.write(line(event("DELETED", service("api", port=0))))
        following.until(lambda so_far: not so_far.problems)
        assert set(following.objects) == {WEB, WEB_SLICE}


def test_garbage_is_told_with_its_place_and_takes_nothing_away(pipe: Pipe) -> None:
    following = after(pipe, LISTED + b"Unable to connect: \x1b[31mrefused\n" + added(service("api")))
    assert API in following.objects
    [problem] = following.problems
    assert str(problem.source) == "<stdin>:5"
    assert f"byte {len(LISTED)}" in problem.detail
    assert "\x1b" not in problem.detail


def test_a_kubectl_that_dies_while_writing_takes_no_event_of_the_next_one_away(pipe: Pipe) -> None:
    following = after(pipe, LISTED + added(service("api"))[:77] + added(service("api", port=81)) + added(node("n")))
    assert following.port(API) == 81
    assert following.rules() == {"manifest/json-syntax"}


def test_a_stream_that_falls_silent_inside_of_a_document_goes_on(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED)
        following.until_listed()
        text = added(service("api"))
        pipe.write(line(event("MODIFIED", service("web", port=81))) + text[:60])
        following.until(lambda so_far: so_far.port(WEB) == 81)
        assert API not in following.objects
        pipe.write(text[60:])
        following.until(lambda so_far: API in so_far.objects)
        assert not following.problems


def test_an_error_event_is_told_and_reading_goes_on(pipe: Pipe) -> None:
    status = {"apiVersion": "v1", "kind": "Status", "message": "too old resource version"}
    following = after(pipe, LISTED + line(event("ERROR", status)) + added(service("api")))
    assert API in following.objects
    assert following.rules() == {"manifest/watch-error"}


def test_objects_without_events_are_told_once(pipe: Pipe) -> None:
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(LISTED)
        following.until_listed()
        for port in (80, 81):
            pipe.write(indented(service("api", port=port)))
        following.until(lambda so_far: so_far.port(API) == 81)
        assert [problem.rule for problem in following.problems] == ["source/no-watch-events"]


def test_one_that_says_the_same_again_is_no_change(pipe: Pipe) -> None:
    following = after(pipe, LISTED + added(service("web"), endpoint_slice("web")))
    assert len(following.batches) <= 1


def test_what_is_again_as_it_was_is_no_change() -> None:
    source = unread(completeness=NO_KINDS)
    source._take(source._inputs[0], added(service("web", tier="front")))
    source._objects.drain()
    source._take(source._inputs[0], added(service("api")) + line(event("MODIFIED", service("web", port=81))))
    source._take(
        source._inputs[0],
        line(event("DELETED", service("api"))) + line(event("MODIFIED", service("web", tier="front"))),
    )
    assert not source._objects.drain()
    source._files[0].close()


def test_slices_come_and_go_with_the_service_that_is_selected(pipe: Pipe) -> None:
    selection = Selection.of("shop", "tier=front")
    with Following(StreamSource(pipe.reader, completeness=FOREVER, selection=selection)) as following:
        pipe.write(LISTED + added(service("web", namespace="else", tier="front")))
        following.until_listed()
        assert not following.objects
        pipe.write(line(event("MODIFIED", service("web", tier="front"))))
        following.until(lambda so_far: set(so_far.objects) == {WEB, WEB_SLICE})
        pipe.write(line(event("MODIFIED", endpoint_slice("api"))) + line(event("DELETED", endpoint_slice("web"))))
        following.until(lambda so_far: set(so_far.objects) == {WEB})
        pipe.write(added(endpoint_slice("web")))
        following.until(lambda so_far: set(so_far.objects) == {WEB, WEB_SLICE})
        pipe.write(line(event("MODIFIED", service("web", tier="back"))))
        following.until(lambda so_far: not so_far.objects)


def test_a_namespace_leaves_out_services_and_slices_of_others(pipe: Pipe) -> None:
    following = after(pipe, LISTED + added(service("api", namespace="else")), selection=Selection.of("else", None))
    assert set(following.objects) <= {reference("api", "else")}


def test_settings_are_read_with_the_list_and_later_only_compared(pipe: Pipe) -> None:
    def settings(cidr: str) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clusterCIDR": cidr,
        }

    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        pipe.write(indented(settings("10.244.0.0/16")) + LISTED)
        following.until_listed()
        found = following.batches[0].kube_proxy
        assert found is not None
        assert found.cluster_cidrs == ("10.244.0.0/16",)
        pipe.write(indented(settings("10.128.0.0/9")))
        following.until(lambda so_far: so_far.rules() == {"source/settings-changed"})
        pipe.write(indented(settings("10.244.0.0/16")))
        following.until(lambda so_far: not so_far.problems)


def test_a_document_beyond_the_limit_is_told_and_passed_over(pipe: Pipe) -> None:
    large = endpoint_slice("large", *(f"10.244.1.{number}" for number in range(40)))
    following = after(pipe, LISTED + added(large) + added(service("api")), limits=Limits(file_bytes=1500))
    assert API in following.objects
    assert following.rules() == {"manifest/json-syntax"}


def test_a_large_list_through_a_small_pipe_is_read_whole(pipe: Pipe) -> None:
    items = [service(f"web-{number}") for number in range(800)] + [endpoint_slice("web-1")]

    def write() -> None:
        pipe.write(indented({"kind": "List", "items": items}))
        pipe.writer.close()

    writing = threading.Thread(target=write)
    with Following(StreamSource(pipe.reader, completeness=FOREVER)) as following:
        writing.start()
        following.until_end()
        writing.join(LONGEST)
        assert len(following.objects) == 801


def test_which_source_is_opened_depends_on_the_names(pipe: Pipe) -> None:
    assert isinstance(open_source(["-"], stdin=pipe.reader), StreamSource)
    assert isinstance(open_source(["some"], stdin=pipe.reader), DirectorySource)
    with pytest.raises(SettingsError, match="together"):
        open_source(["some", "-"], stdin=pipe.reader)
    with pytest.raises(SettingsError, match="selector"):
        open_source(["-"], stdin=pipe.reader, selector="((")


def unread(**options: Any) -> StreamSource:
    """A source that is fed by hand."""
    return StreamSource(io.FileIO(os.open(os.devnull, os.O_RDONLY), closefd=True), **options)
