"""Links and directories that are exchanged, turned elsewhere, taken away and brought back, while they are watched."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.sources.declared_objects import API, WEB, documents, reference, service
from tests.sources.folders import follow, port_is
from tests.sources.following import Following


def test_a_mounted_config_map_is_exchanged(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for version, port in (("..1", 80), ("..2", 81)):
        (mount / version).mkdir(parents=True)
        (mount / version / "web.yaml").write_text(documents(service("web", port=port)))
    (mount / "..data").symlink_to("..1")
    (mount / "web.yaml").symlink_to("..data/web.yaml")
    with follow(mount) as following:
        following.until(port_is(80))
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")
        shutil.rmtree(mount / "..1")
        following.until(port_is(81))
        assert len(following.objects) == 1
        assert not following.problems


def test_what_a_link_leads_to_is_watched_as_well(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "target").write_text(documents(service("api")))
    (folder / "api.yaml").symlink_to(tmp_path / "elsewhere" / "target")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    with follow(folder) as following:
        following.until(lambda so_far: so_far.port(API) == 80)
        (tmp_path / "elsewhere" / "target").write_text(documents(service("api", port=81)))
        following.until(lambda so_far: so_far.port(API) == 81)
        (tmp_path / "elsewhere" / "web.yaml").write_text(documents(service("other")))
        following.until(lambda so_far: reference("other") in so_far.objects)
        (folder / "api.yaml").unlink()
        following.until(lambda so_far: API not in so_far.objects)
        (folder / "linked").unlink()
        following.until(lambda so_far: reference("other") not in so_far.objects)
        assert not following.problems


def test_a_link_to_a_directory_that_turns_elsewhere_is_followed(folder: Path, tmp_path: Path) -> None:
    for name, port in (("old", 80), ("new", 81)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "api.yaml").write_text(documents(service("api", port=port)))
    (folder / "current").symlink_to(tmp_path / "old")
    with follow(folder) as following:
        following.until(lambda so_far: so_far.port(API) == 80)
        (folder / "next").symlink_to(tmp_path / "new")
        (folder / "next").rename(folder / "current")
        following.until(lambda so_far: so_far.port(API) == 81)
        (tmp_path / "new" / "api.yaml").write_text(documents(service("api", port=82)))
        following.until(lambda so_far: so_far.port(API) == 82)


def test_a_dangling_link_keeps_what_it_led_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text(documents(service("api")))
    (folder / "api.yaml").symlink_to(tmp_path / "target")
    with follow(folder) as following:
        following.until_listed()
        (tmp_path / "target").unlink()
        following.until(lambda so_far: so_far.rules() == {"source/unreadable"})
        assert API in following.objects
        (tmp_path / "target").write_text(documents(service("api", port=81)))
        following.until(lambda so_far: so_far.port(API) == 81 and not so_far.problems)


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_directory_of_links_that_vanishes_keeps_its_objects_until_it_is_back(
    tmp_path: Path, is_replaced: bool
) -> None:
    folder = tmp_path / "manifests"
    (folder / "..data").mkdir(parents=True)
    (folder / "..data" / "web.yaml").write_text(documents(service("web")))
    (folder / "web.yaml").symlink_to("..data/web.yaml")
    with follow(folder) as following:
        following.until_listed()
        folder.rename(tmp_path / "elsewhere")
        if is_replaced:
            folder.mkdir()
        following.until(lambda so_far: bool(so_far.problems))
        time.sleep(1)
        assert following.rules() == {"source/gone"}
        assert set(following.objects) == {WEB}
        if is_replaced:
            folder.rmdir()
        (tmp_path / "elsewhere").rename(folder)
        following.until(lambda so_far: not so_far.problems)
        (folder / "..data" / "web.yaml").write_text(documents(service("web", port=81)))
        following.until(port_is(81))
        (folder / "web.yaml").unlink()
        following.until(lambda so_far: not so_far.objects)


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_directory_that_vanishes_keeps_its_objects_until_it_is_back(
    folder: Path, following: Following, is_moved: bool
) -> None:
    away = folder.parent / "away"
    shutil.copytree(folder, away)
    if is_moved:
        folder.rename(folder.parent / "elsewhere")
    else:
        away.rename(folder.parent / "back")
        (folder.parent / "back").rename(away)
        folder.rename(folder.parent / "elsewhere")
        folder.mkdir()
    following.until(lambda so_far: so_far.rules() == {"source/gone"})
    assert set(following.objects) == {WEB}
    (away / "web.yaml").write_text(documents(service("web", port=81)))
    if not is_moved:
        folder.rmdir()
    away.rename(folder)
    following.until(lambda so_far: so_far.port(WEB) == 81 and not so_far.problems)
    (folder / "web.yaml").write_text(documents(service("web", port=82)))
    following.until(port_is(82))


def test_a_directory_that_is_a_link_may_be_turned(tmp_path: Path) -> None:
    for name, port in (("old", 80), ("new", 81)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yaml").write_text(documents(service("web", port=port)))
    (tmp_path / "current").symlink_to("old")
    with follow(tmp_path / "current") as following:
        following.until(port_is(80))
        (tmp_path / "next").symlink_to("new")
        (tmp_path / "next").rename(tmp_path / "current")
        following.until(port_is(81))
        (tmp_path / "new" / "web.yaml").write_text(documents(service("web", port=82)))
        following.until(port_is(82))


def test_a_single_file_is_followed_through_edits_and_renames_and_its_absence(tmp_path: Path) -> None:
    name = tmp_path / "any.name"
    name.write_text(documents(service("web")))
    with follow(name) as following:
        following.until_listed()
        name.write_text(documents(service("web", port=81)))
        following.until(port_is(81))
        (tmp_path / "other").write_text(documents(service("web", port=82)))
        (tmp_path / "other").rename(name)
        following.until(port_is(82))
        name.unlink()
        following.until(lambda so_far: so_far.rules() == {"source/gone"})
        assert following.port(WEB) == 82
        name.write_text(documents(service("web", port=83)))
        following.until(lambda so_far: so_far.port(WEB) == 83 and not so_far.problems)
