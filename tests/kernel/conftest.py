"""Fixtures for tests that load rules into the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.kernel.nft_versions import NAMES, Program, UnavailableError, nft_program


@pytest.fixture
def node() -> Iterator[Node]:
    """A node of two families, with nothing loaded."""
    with Node() as made:
        yield made


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    """A network namespace in which there is nothing yet."""
    made = NetworkNamespace()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=NAMES)
def nft(request: pytest.FixtureRequest) -> Program:
    """Each nft program in turn; the test is skipped with the reason where one cannot be had."""
    try:
        return nft_program(request.param)
    except UnavailableError as error:
        pytest.skip(str(error))
