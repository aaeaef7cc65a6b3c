"""Exactly the places that are wanted are served, whatever was wanted before."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.node.http_server import HttpThread, Request, Response
from svcc.node.listeners import Listener, Listeners, TcpPlace
from tests.kernel.namespace import NetworkNamespace
from tests.node.asking import ask, is_refused

PORTS = range(30000, 30005)


def saying(words: str) -> Listener:
    def answer(_request: Request) -> Response:
        return Response(HTTPStatus.OK, words.encode())

    return Listener(words, answer)


@pytest.fixture(scope="module")
def namespace() -> Iterator[NetworkNamespace]:
    found = NetworkNamespace()
    found.ip("link set lo up")
    yield found
    found.close()


@pytest.mark.kernel
@given(steps=st.lists(st.dictionaries(st.sampled_from(PORTS), st.sampled_from("abc")), min_size=1, max_size=8))
def test_after_any_history_the_ports_that_are_wanted_say_what_they_are_to_say(
    namespace: NetworkNamespace, steps: list[dict[int, str]]
) -> None:
    with namespace.entered():
        thread = HttpThread()
        listeners = Listeners(thread)
        thread.start()
        for wanted in steps:
            done = listeners.want({TcpPlace("127.0.0.1", port): saying(words) for port, words in wanted.items()})
        done.result()
        try:
            for port in PORTS:
                if port in steps[-1]:
                    assert ask(port).body == steps[-1][port]
                else:
                    assert is_refused(port)
        finally:
            listeners.close()
            thread.close()
