"""Directories that are followed, and what is to become of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcc.sources.directory import DirectorySource
from tests.sources.declared_objects import WEB
from tests.sources.following import Following


def follow(*names: Path | str, **options: Any) -> Following:
    return Following(DirectorySource([str(name) for name in names], **options))


def port_is(port: int | None) -> Any:
    return lambda so_far: so_far.port(WEB) == port
