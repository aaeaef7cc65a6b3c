"""Fixtures for tests of sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.declared_objects import documents, service
from tests.sources.folders import follow
from tests.sources.following import Following


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with one file, beside which there is room."""
    found = tmp_path / "manifests"
    found.mkdir()
    (found / "web.yaml").write_text(documents(service("web")))
    return found


@pytest.fixture
def following(folder: Path) -> Iterator[Following]:
    """Whoever follows that directory, and has its list."""
    with follow(folder) as found:
        found.until_listed()
        yield found
