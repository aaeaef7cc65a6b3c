"""What tests of a node share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.node.servers import ServerSettings


@pytest.fixture
def runtime_directory() -> Iterator[Path]:
    """A directory with a short name: those of sockets hold 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="svcc-") as name:
        yield Path(name)


@pytest.fixture
def settings(runtime_directory: Path) -> ServerSettings:
    """Nothing but the socket and health checks."""
    return ServerSettings(healthz=None, metrics=None, runtime_directory=runtime_directory)
