"""libnftables by the module that the extra `node` brings, which is older than those of distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.apply.installer import Installer
from svcc.apply.library import Library, open_library
from svcc.apply.session import NftError
from svcc.compiler.compilation import Compilation
from tests.declare import compiled, remote, service, slices
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

BROKEN = "add table ip svcc\nadd chain ip svcc here\nadd rule ip svcc here jump there\n"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr("svcc.apply.library._DISTRIBUTIONS", ())
    namespace = NetworkNamespace()
    try:
        with namespace.entered():
            library = open_library()
            assert library is not None
            assert "(oxl-libnftables)" in library.name
            yield library
            library.close()
    finally:
        namespace.close()


def cluster(address: str) -> Compilation:
    return compiled([service("web", ["10.96.0.1"]), *slices("web", [remote(address)])])


@pytest.mark.parametrize("check", [True, False])
def test_a_script_that_is_refused_is_told_with_its_line(session: Library, *, check: bool) -> None:
    with pytest.raises(NftError) as caught:
        session.run(BROKEN, check=check)
    assert caught.value.line == 3
    assert session.list_table("ip", "svcc") is None


def test_a_script_that_is_only_checked_changes_nothing(session: Library) -> None:
    session.run("add table ip svcc\n", check=True)
    assert session.list_table("ip", "svcc") is None


def test_rules_are_written_changed_and_found_right(session: Library, tmp_path: Path) -> None:
    for address in ("10.244.1.1", "10.244.1.2"):
        wanted = cluster(address)
        assert Installer(session, keep_scripts=tmp_path).synchronize(wanted.ruleset, wanted.dataplane)
        assert not Installer(session, keep_scripts=tmp_path).synchronize(wanted.ruleset, wanted.dataplane)
    assert list(tmp_path.iterdir()) == []
