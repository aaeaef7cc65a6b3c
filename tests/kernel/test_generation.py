"""The generation of the ruleset, asked for again and again by one socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.apply.generation import Generations, generation
from svcc.apply.library import open_library
from svcc.errors import TargetError
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace()
    yield made
    made.close()


def test_a_generation_follows_each_transaction_of_its_namespace(namespace: NetworkNamespace) -> None:
    with namespace.entered():
        asking = Generations()
    before = asking.now()
    for count in range(1, 4):
        assert namespace.run("nft", "add", "table", "ip", f"table-{count}").returncode == 0
        assert asking.now() == before + count
    asking.close()


def test_a_socket_that_failed_is_replaced(namespace: NetworkNamespace) -> None:
    with namespace.entered():
        asking = Generations()
        before = asking.now()
        assert asking._socket is not None
        with Path("/dev/null").open("rb") as nothing:
            os.dup2(nothing.fileno(), asking._socket._socket.fileno())
        with pytest.raises(TargetError, match="the kernel does not answer about nftables"):
            asking.now()
        assert asking.now() == before == generation()
    asking.close()


def test_a_session_opens_no_socket_for_each_transaction(
    namespace: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel closes none before it has freed what earlier transactions deleted, which takes milliseconds."""
    with namespace.entered():
        nft = open_library()
        assert nft is not None

        def refuse(*_arguments: object) -> None:
            raise AssertionError("a socket is opened")

        monkeypatch.setattr(socket, "socket", refuse)
        nft.run("add table ip svcc")
        nft.run("delete table ip svcc")
        nft.close()
