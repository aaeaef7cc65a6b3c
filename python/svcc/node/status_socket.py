"""Asking the node that runs on this machine for its status.

The socket lies in the file system: no port is taken, another network namespace can ask, and the file's directory says
which node is meant. What it tells is no more than what metrics and problems say, so that everybody may ask.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, Final

from svcc.errors import TargetError

__all__ = ["CONNECTIONS_PATH", "STATUS_PATH", "read_connections", "read_status", "status_socket"]

STATUS_PATH: Final = "/status"
CONNECTIONS_PATH: Final = "/service-connections"
_NAME: Final = "node.sock"
_LONGEST: Final = 64 * 2**20
"""Bytes of an answer; more than all frontends of 30 000 Services have to say. Who answers may be somebody else."""


def status_socket(runtime_directory: Path) -> Path:
    """The socket of the node that keeps its files in this directory."""
    return runtime_directory / _NAME


def read_status(runtime_directory: Path, *, timeout_seconds: float = 5.0) -> dict[str, Any]:
    """The document that `svcc.node.status` makes, from the process itself.

    Raises:
        TargetError: no node runs here, or it does not answer.
    """
    return _document(status_socket(runtime_directory), STATUS_PATH, "NodeStatus", timeout_seconds)


def read_connections(runtime_directory: Path, *, timeout_seconds: float = 5.0) -> list[dict[str, Any]] | None:
    """What was counted for each frontend of each Service (`svcc.node.service_counters`); None if nothing is counted.

    Raises:
        TargetError: no node runs here, or it does not answer.
    """
    path = status_socket(runtime_directory)
    items = _document(path, CONNECTIONS_PATH, "ServiceConnections", timeout_seconds).get("items")
    return items if isinstance(items, list) else None


def _document(path: Path, page: str, kind: str, timeout_seconds: float) -> dict[str, Any]:
    connection = _UnixConnection(path, timeout_seconds)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        text = response.read(_LONGEST + 1)
    except (FileNotFoundError, ConnectionRefusedError):
        raise TargetError(
            f"no svcc node is running here: nobody listens on {path}",
            hint="with --runtime-directory, give the one it was started with",
        ) from None
    except TimeoutError:
        raise TargetError(
            f"{path}: svcc node does not answer within {timeout_seconds:g} s", hint="--timeout gives it more time"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(f"{path}: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    finally:
        connection.close()
    if len(text) > _LONGEST:
        raise TargetError(f"{path}: the answer to {page} is longer than {_LONGEST >> 20} MiB, and is not read")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if response.status != http.HTTPStatus.OK or not isinstance(document, dict) or document.get("kind") != kind:
        code = "" if response.status == http.HTTPStatus.OK else f" ({response.status} {response.reason})"
        raise TargetError(f"{path}: what answers is no svcc node, or one of another version{code}")
    return document


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
