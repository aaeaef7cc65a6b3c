"""Files that are watched: every way in which an edit can land, and every way in which it can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.errors import InputError, TargetError
from svcc.manifest.load import load
from svcc.manifest.selection import Selection
from svcc.sources.contract import SourceClosedError
from svcc.sources.directory import DirectorySource
from svcc.validate.update import objects_by_reference
from tests.sources.declared_objects import API, WEB, documents, endpoint_slice, event, line, reference, service
from tests.sources.folders import follow, port_is
from tests.sources.following import Following

NOBODY = 65534


def test_the_list_is_what_load_reads(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "api.json").write_text(json.dumps(service("api")))
    (folder / ".hidden.yaml").write_text(documents(service("hidden")))
    (folder / "notes.txt").write_text("no manifest")
    batch = DirectorySource([str(folder)]).list()
    assert batch.replaces_all
    assert {change.reference: change.object for change in batch.changes} == objects_by_reference(
        load([str(folder)]).cluster
    )


def test_an_edit_in_place_lands(folder: Path, following: Following) -> None:
    (folder / "web.yaml").write_text(documents(service("web", port=81), endpoint_slice("web")))
    following.until(port_is(81))
    assert reference("web-1", kind="EndpointSlice") in following.objects
    (folder / "web.yaml").write_text(documents(service("web", port=82)))
    following.until(port_is(82))
    assert set(following.objects) == {WEB}


def test_a_file_that_another_is_renamed_over_is_read(folder: Path, following: Following) -> None:
    (folder / ".web.yaml.swp").write_text(documents(service("web", port=81)))
    (folder / ".web.yaml.swp").rename(folder / "web.yaml")
    following.until(port_is(81))


def test_new_files_and_deleted_files_bring_and_take_their_objects(folder: Path, following: Following) -> None:
    (folder / "api.json").write_text(json.dumps(service("api")))
    following.until(lambda so_far: API in so_far.objects)
    (folder / "web.yaml").unlink()
    following.until(lambda so_far: set(so_far.objects) == {API})
    (folder / "api.json").unlink()
    following.until(lambda so_far: not so_far.objects)
    assert not following.problems


def test_directories_come_and_go_and_move_with_all_that_is_in_them(folder: Path, following: Following) -> None:
    (folder / "below" / "deep").mkdir(parents=True)
    (folder / "below" / "deep" / "api.yaml").write_text(documents(service("api")))
    following.until(lambda so_far: API in so_far.objects)
    (folder / "below").rename(folder.parent / "outside")
    following.until(lambda so_far: API not in so_far.objects)
    (folder.parent / "outside").rename(folder / "again")
    following.until(lambda so_far: API in so_far.objects)
    (folder / "again" / "deep" / "api.yaml").write_text(documents(service("api", port=81)))
    following.until(lambda so_far: so_far.port(API) == 81)
    shutil.rmtree(folder / "again")
    following.until(lambda so_far: API not in so_far.objects)
    assert not following.problems


def test_a_file_that_becomes_a_directory_is_one(folder: Path, following: Following) -> None:
    (folder / "web.yaml").unlink()
    (folder / "web.yaml").mkdir()
    (folder / "web.yaml" / "api.yaml").write_text(documents(service("api")))
    following.until(lambda so_far: set(so_far.objects) == {API})
    shutil.rmtree(folder / "web.yaml")
    (folder / "web.yaml").write_text(documents(service("web")))
    following.until(lambda so_far: set(so_far.objects) == {WEB})


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("apiVersion: v1\nkind: Service\nmetadata: {name: web, names", "manifest/yaml-syntax"),
        ("", "source/empty-file"),
        ("\n\n", "source/empty-file"),
        ("kind: Service\n", "manifest/type-missing"),
        ("- just\n- words\n", "manifest/not-an-object"),
        (json.dumps({**service("web"), "metadata": {}}), "metadata/name-required"),
    ],
)
def test_a_broken_file_keeps_what_it_declared_and_says_so(
    folder: Path, following: Following, broken: str, rule: str
) -> None:
    (folder / "web.yaml").write_text(broken)
    following.until(lambda so_far: bool(so_far.problems))
    assert set(following.objects) == {WEB}
    assert rule in following.rules() or rule.startswith("metadata/")
    (folder / "web.yaml").write_text(documents(service("web", port=81)))
    following.until(port_is(81))
    following.until(lambda so_far: not so_far.problems)


def test_bytes_that_are_no_text_keep_what_was_declared(folder: Path, following: Following) -> None:
    (folder / "web.yaml").write_bytes(b"\xff\x00")
    following.until(lambda so_far: so_far.rules() == {"manifest/not-utf8"})
    assert set(following.objects) == {WEB}


def test_the_sound_part_of_a_broken_file_is_taken(folder: Path, following: Following) -> None:
    (folder / "web.yaml").write_text(documents(service("web"), service("api")))
    following.until(lambda so_far: API in so_far.objects)
    (folder / "web.yaml").write_text(documents(service("web", port=81)) + "---\nkind: {")
    following.until(port_is(81))
    following.until(lambda so_far: bool(so_far.problems))
    assert API in following.objects
    assert [problem.hint for problem in following.problems] == ["what it said before stays in force"]


def test_a_refused_object_stays_as_it_was_and_its_neighbours_change(folder: Path, following: Following) -> None:
    (folder / "web.yaml").write_text(documents(service("web", port=0), service("api")))
    following.until(lambda so_far: API in so_far.objects)
    assert following.port(WEB) == 80
    [problem] = following.problems
    assert (problem.object, problem.hint) == (WEB, "what it said before stays in force")
    (folder / "web.yaml").write_text(documents(service("api")))
    following.until(lambda so_far: set(so_far.objects) == {API} and not so_far.problems)


def test_a_comment_is_a_file_without_objects(folder: Path, following: Following) -> None:
    (folder / "web.yaml").write_text("# nothing here any more\n")
    following.until(lambda so_far: not so_far.objects)
    assert not following.problems


def test_of_an_object_in_two_files_the_later_one_counts(folder: Path, following: Following) -> None:
    (folder / "zoo.yaml").write_text(documents(service("web", port=90)))
    following.until(port_is(90))
    assert following.rules() == {"manifest/declared-twice"}
    (folder / "web.yaml").write_text(documents(service("web", port=81)))
    (folder / "zoo.yaml").write_text(documents(service("web", port=91)))
    following.until(port_is(91))
    assert load([str(folder)]).cluster.services[0].ports[0].port == 91
    (folder / "zoo.yaml").unlink()
    following.until(port_is(81))
    assert not following.problems


def test_an_event_in_a_file_deletes_what_an_earlier_file_declares(folder: Path, following: Following) -> None:
    (folder / "zoo.json").write_bytes(line(event("DELETED", service("web"))))
    following.until(lambda so_far: not so_far.objects)
    (folder / "zoo.json").unlink()
    following.until(lambda so_far: set(so_far.objects) == {WEB})


def test_names_are_read_in_the_order_in_which_the_user_gave_them(folder: Path, tmp_path: Path) -> None:
    first = tmp_path / "zzz.yaml"
    first.write_text(documents(service("web", port=90)))
    with follow(first, folder, folder / "web.yaml") as following:
        following.until(port_is(80))
        first.write_text(documents(service("web", port=91), service("api")))
        following.until(lambda so_far: API in so_far.objects)
        assert following.port(WEB) == 80
        (folder / "web.yaml").write_text(documents(service("web", port=81)))
        following.until(port_is(81))


def test_thousands_of_files_in_one_burst_are_few_batches(folder: Path, following: Following) -> None:
    for number in range(1500):
        (folder / f"burst-{number}.json").write_text(json.dumps(service(f"burst-{number}")))
    following.until(lambda so_far: len(so_far.objects) == 1501)
    assert len(following.batches) < 300
    for path in folder.glob("burst-*"):
        path.unlink()
    following.until(lambda so_far: set(so_far.objects) == {WEB})
    assert not following.problems


def test_only_files_that_changed_are_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (folder / f"{number}.yaml").write_text(documents(service(f"s{number}")))
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    read: list[str] = []
    source = DirectorySource([str(folder)])
    original = source._read

    def noted(name: str) -> None:
        read.append(name)
        original(name)

    monkeypatch.setattr(source, "_read", noted)
    with Following(source) as following:
        following.until_listed()
        read.clear()
        (folder / "7.yaml").write_text(documents(service("s7", port=81)))
        following.until(lambda so_far: so_far.port(reference("s7")) == 81)
    assert set(read) == {str(folder / "7.yaml")}


def test_the_selection_holds_for_changes(folder: Path) -> None:
    with follow(folder, selection=Selection.of(None, "tier=front")) as following:
        following.until_listed()
        assert not following.objects
        (folder / "zoo.yaml").write_text(documents(endpoint_slice("web"), service("web", tier="front")))
        following.until(lambda so_far: len(so_far.objects) == 2)
        (folder / "zoo.yaml").unlink()
        following.until(lambda so_far: not so_far.objects)


def test_settings_are_read_at_the_start_only(folder: Path) -> None:
    configuration = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclusterCIDR: {}\n"
    (folder / "config.yaml").write_text(configuration.format("10.244.0.0/16"))
    with follow(folder) as following:
        following.until_listed()
        found = following.batches[0].kube_proxy
        assert found is not None
        assert found.cluster_cidrs == ("10.244.0.0/16",)
        (folder / "config.yaml").write_text(configuration.format("10.128.0.0/9"))
        following.until(lambda so_far: so_far.rules() == {"source/settings-changed"})
        (folder / "config.yaml").write_text(configuration.format("10.244.0.0/16"))
        following.until(lambda so_far: not so_far.problems)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_cannot_be_listed_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        DirectorySource([str(tmp_path / name)]).list()


def test_a_pipe_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (folder / "pipe.yaml").symlink_to(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        DirectorySource([str(folder)]).list()


def test_a_source_that_is_closed_does_not_list(folder: Path) -> None:
    source = DirectorySource([str(folder)])
    source.close()
    with pytest.raises(SourceClosedError):
        source.list()


def test_closing_ends_changes(following: Following) -> None:
    following.source.close()
    following.until_end()
    assert following.failure is None


def test_changes_that_no_watch_tells_are_found_in_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DirectorySource([str(folder)], rescan_seconds=0.1)
    monkeypatch.setattr(source, "_look_at", lambda _: None)
    with Following(source) as following:
        following.until_listed()
        (folder / "web.yaml").write_text(documents(service("web", port=81), service("api")))
        following.until(port_is(81))


def test_a_system_that_cannot_watch_is_looked_at_instead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, *_: object) -> None:
            raise OSError("OS file watch limit reached")

    with monkeypatch.context() as patch:
        patch.setattr("watchfiles._rust_notify.RustNotify", Full)
        with follow(folder, rescan_seconds=0.5) as following:
            following.until(lambda so_far: so_far.rules() == {"source/not-watched"})
            (folder / "web.yaml").write_text(documents(service("web", port=81)))
            following.until(port_is(81))
            patch.undo()
            following.until(lambda so_far: not so_far.problems)


def test_without_the_library_that_watches_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles._rust_notify", None)
    with pytest.raises(TargetError, match="watchfiles") as caught:
        DirectorySource([str(folder)]).list()
    assert caught.value.hint == "pip install 'svcc[node]'"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that others than root may reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
@pytest.mark.parametrize("is_directory", [True, False])
def test_what_may_not_be_read_any_more_keeps_its_objects(open_folder: Path, is_directory: bool) -> None:
    below = open_folder / "below"
    below.mkdir()
    (below / "api.yaml").write_text(documents(service("api")))
    (open_folder / "web.yaml").write_text(documents(service("web")))
    forbidden = below if is_directory else below / "api.yaml"
    os.seteuid(NOBODY)
    try:
        with follow(open_folder, rescan_seconds=0.2) as following:
            following.until_listed()
            os.seteuid(0)
            forbidden.chmod(0)
            os.seteuid(NOBODY)
            following.until(lambda so_far: so_far.rules() == {"source/unreadable"})
            assert set(following.objects) == {WEB, API}
            os.seteuid(0)
            (below / "api.yaml").write_text(documents(service("api", port=81)))
            forbidden.chmod(0o755)
            os.seteuid(NOBODY)
            following.until(lambda so_far: so_far.port(API) == 81 and not so_far.problems)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_whole_directory_that_may_not_be_read_any_more_keeps_its_objects_and_those_behind_links(
    open_folder: Path, mode: int
) -> None:
    manifests = open_folder / "manifests"
    manifests.mkdir()
    (manifests / "web.yaml").write_text(documents(service("web")))
    (open_folder / "api").write_text(documents(service("api")))
    (manifests / "api.yaml").symlink_to(open_folder / "api")
    os.seteuid(NOBODY)
    try:
        with follow(manifests, rescan_seconds=0.2) as following:
            following.until_listed()
            os.seteuid(0)
            manifests.chmod(mode)
            os.seteuid(NOBODY)
            following.until(lambda so_far: bool(so_far.problems))
            time.sleep(1)
            assert following.rules() == {"source/unreadable"}
            assert all("Permission denied" in problem.message() for problem in following.problems)
            assert set(following.objects) == {WEB, API}
            os.seteuid(0)
            (open_folder / "api").write_text(documents(service("api", port=81)))
            manifests.chmod(0o755)
            os.seteuid(NOBODY)
            following.until(lambda so_far: so_far.port(API) == 81 and not so_far.problems)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_may_not_be_read_at_the_start_is_told_and_takes_no_other_with_it(open_folder: Path) -> None:
    for name in ("api", "web"):
        (open_folder / f"{name}.yaml").write_text(documents(service(name)))
    (open_folder / "api.yaml").chmod(0)
    os.seteuid(NOBODY)
    try:
        with follow(open_folder) as following:
            following.until_listed()
            assert set(following.objects) == {WEB}
            assert following.batches[0].unread == (str(open_folder / "api.yaml"),)
            assert [(problem.rule, problem.hint) for problem in following.problems] == [("source/unreadable", "")]
            os.seteuid(0)
            (open_folder / "api.yaml").chmod(0o644)
            os.seteuid(NOBODY)
            following.until(lambda so_far: set(so_far.objects) == {WEB, API} and not so_far.problems)
            assert following.batches[-1].unread == ()
        os.seteuid(0)
        (open_folder / "api.yaml").chmod(0)
        os.seteuid(NOBODY)
        with pytest.raises(InputError, match=r"api\.yaml: Permission denied"):
            DirectorySource([str(open_folder / "api.yaml")]).list()
    finally:
        os.seteuid(0)


def test_files_that_could_not_be_read_from_the_start_on_are_named_until_they_are(folder: Path) -> None:
    for name, text in (("a", "{"), ("b", ""), ("c", documents(service("c")) + "---\n: {"), ("d", "# nothing\n")):
        (folder / f"{name}.yaml").write_text(text)
    a, b, c = (str(folder / f"{name}.yaml") for name in "abc")
    with follow(folder) as following:
        following.until_listed()
        assert following.batches[0].unread == (a, b, c)
        (folder / "a.yaml").write_text("[")
        (folder / "b.yaml").write_text(documents(service("b")))
        following.until(lambda so_far: so_far.batches[-1].unread == (a, c))
        (folder / "a.yaml").unlink()
        following.until(lambda so_far: so_far.batches[-1].unread == (c,))
        (folder / "c.yaml").write_text("")
        (folder / "c.yaml").write_text(documents(service("c")))
        following.until(lambda so_far: so_far.batches[-1].unread == ())
        (folder / "c.yaml").write_text("{")
        following.until(lambda so_far: bool(so_far.problems))
        assert following.batches[-1].unread is None
