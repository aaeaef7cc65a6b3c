"""HTTP as strangers speak it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.node.http_server import HttpThread, Limits, Request, Response
from svcc.node.listeners import Listener, Listeners, TcpPlace
from tests.node.asking import PATIENCE_SECONDS, ask, connected, everything, exchange, is_refused, wait_until

LARGE = b"x" * 8_000_000
PLACE, SLOW = TcpPlace("127.0.0.1", 0), TcpPlace("127.0.0.2", 0)


def echo(request: Request) -> Response:
    if request.path == "/large":
        return Response(HTTPStatus.OK, LARGE)
    if request.path == "/bug":
        raise ZeroDivisionError
    return Response(HTTPStatus.OK, f"{request.method} {request.path} {request.headers.get('accept')}".encode())


class Served:
    def __init__(self, limits: Limits) -> None:
        self.thread = HttpThread(limits)
        self.listeners = Listeners(self.thread)
        self.thread.start()
        self.listeners.want({PLACE: Listener("echo", echo), SLOW: Listener("slow", self.slow, is_slow=True)}).result()
        port, slow_port = self.listeners.port_of(PLACE), self.listeners.port_of(SLOW)
        assert port
        assert slow_port
        self.port, self.slow_port = port, slow_port
        self.go_on = threading.Event()

    def slow(self, request: Request) -> Response:
        if request.path != "/quick":
            assert self.go_on.wait(PATIENCE_SECONDS)
        return echo(request)

    def close(self) -> None:
        self.listeners.close()
        self.thread.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    found = Served(Limits(request_bytes=2000, seconds=PATIENCE_SECONDS))
    yield found
    found.close()


def test_a_request_may_come_byte_by_byte(served: Served) -> None:
    request = b"GET /some/where?else HTTP/1.1\r\nHost: node\r\naccept: text\r\n\r\n"
    answer = exchange(served.port, *(request[at : at + 1] for at in range(len(request))))
    assert answer.endswith(b"\r\n\r\nGET /some/where text")


def test_the_answer_tells_its_length_and_that_the_connection_ends(served: Served) -> None:
    headers = ask(served.port).headers
    assert headers["Content-Length"] == str(len("GET / None"))
    assert headers["Connection"] == "close"
    assert headers["Date"].endswith(" GMT")


def test_nobody_waits_for_a_handler_that_is_slow_but_who_has_asked_it(served: Served) -> None:
    served.go_on.clear()
    with connected(served.slow_port, "127.0.0.2") as waiting:
        waiting.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        assert ask(served.port, "/else").body == "GET /else None"
        assert ask(served.slow_port, "/quick", address="127.0.0.2").body == "GET /quick None"
        served.go_on.set()
        assert everything(waiting).endswith(b"\r\n\r\nGET /slow None")
    assert exchange(served.slow_port, b"HEAD /quick HTTP/1.1\r\n\r\n", address="127.0.0.2").endswith(b"\r\n\r\n")


def test_a_bug_in_a_slow_answer_ends_that_connection_alone(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.go_on.set()
    assert exchange(served.slow_port, b"GET /bug HTTP/1.1\r\n\r\n", address="127.0.0.2") == b""
    assert "ZeroDivisionError" in caplog.text
    assert ask(served.slow_port, "/quick", address="127.0.0.2").status == HTTPStatus.OK


def test_who_waits_for_a_slow_answer_no_more_is_in_nobodys_way(served: Served) -> None:
    served.go_on.clear()
    with connected(served.slow_port, "127.0.0.2") as waiting:
        waiting.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        assert ask(served.port).status == HTTPStatus.OK
    served.go_on.set()
    assert ask(served.slow_port, "/quick", address="127.0.0.2").body == "GET /quick None"


def test_to_head_only_the_head_is_answered(served: Served) -> None:
    answer = exchange(served.port, b"HEAD / HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 11\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_body_that_nobody_wants_does_not_cost_the_answer(served: Served) -> None:
    body = b"b" * 1_000_000
    head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert exchange(served.port, head + body).endswith(b"POST / None")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_so(served: Served, request_bytes: bytes) -> None:
    assert exchange(served.port, request_bytes).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_request_that_never_ends_is_cut_short(served: Served) -> None:
    answer = exchange(served.port, b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 1000)
    assert answer.startswith(b"HTTP/1.1 431 ") or answer == b""
    assert ask(served.port).status == 200


@given(data=st.binary(max_size=3000))
def test_whatever_comes_the_next_client_is_answered(served: Served, data: bytes) -> None:
    with connected(served.port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = everything(client)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"HTTP/1.1 200 "))
    assert ask(served.port).status == 200


def test_a_bug_in_an_answer_ends_that_connection_alone(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    assert exchange(served.port, b"GET /bug HTTP/1.1\r\n\r\n") == b""
    assert "ZeroDivisionError" in caplog.text
    assert ask(served.port).status == 200


def test_who_says_nothing_and_who_does_not_listen_is_cut_off_after_a_while() -> None:
    served = Served(Limits(seconds=0.05))
    try:
        with connected(served.port) as silent:
            assert everything(silent) == b""
        with connected(served.port) as deaf:
            deaf.sendall(b"GET /large HTTP/1.1\r\n\r\n")
            wait_until(lambda: served.thread.open_connections == 1)
            wait_until(lambda: served.thread.open_connections == 0)
            assert len(everything(deaf)) < len(LARGE)
    finally:
        served.close()


def test_a_client_that_waits_for_the_end_gets_it_without_waiting_for_the_time_limit(served: Served) -> None:
    # The limit is as long as the client's patience, so that this would fail.
    assert exchange(served.port, b"GET / HTTP/1.0\r\n\r\n").endswith(b"GET / None")
    wait_until(lambda: served.thread.open_connections == 0)


def test_closing_ends_the_thread_and_frees_the_port_though_clients_are_there() -> None:
    served = Served(Limits(seconds=PATIENCE_SECONDS))
    with connected(served.port) as client:
        wait_until(lambda: served.thread.open_connections == 1)
        served.close()
        assert everything(client) == b""
    assert is_refused(served.port)
