"""Real `svcc` processes on a machine of their own, which is a network namespace and a directory of manifests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from attrs import define, field

from svcc.errors import TargetError
from svcc.node.status_socket import read_status
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.node_tables import POD_CIDR, Tables, cold_start, read_tables

PATIENCE_SECONDS = 60
"""For a machine on which everything happens at once; nothing is judged by how long it takes."""
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
"""Whether minutes are to be spent where seconds do otherwise."""
SVCC = (sys.executable, "-m", "svcc")
NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-a"},
    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.10"}]},
}
_Found = TypeVar("_Found")


def service(name: str, address: str, *, port: int = 80, protocol: str = "TCP", **spec: Any) -> dict[str, Any]:
    """A Service as the API has it; its port is named http."""
    ports = [{"name": "http", "port": port, "protocol": protocol}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"], "ports": ports, **spec},
    }


def endpoints(name: str, addresses: Iterable[str], *, protocol: str = "TCP") -> dict[str, Any]:
    """The EndpointSlice of a Service; pods of another node, which listen on 8080."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": protocol}],
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": True}, "nodeName": "node-b"} for address in addresses
        ],
    }


def wait_until(look: Callable[[], _Found], what: Callable[[], str] | str) -> _Found:
    """What `look` finds, as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
    return found


@define
class RunningNode:
    """A process of `svcc node`."""

    process: subprocess.Popen[bytes]
    runtime_directory: Path
    log_file: Path

    @property
    def log(self) -> str:
        """All that it has written to stderr."""
        return self.log_file.read_text(errors="replace")

    def status(self) -> dict[str, Any] | None:
        """What `svcc node status -o json` tells; None while it does not answer."""
        try:
            return read_status(self.runtime_directory)
        except TargetError:
            return None

    def wait_for(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first status that is as wanted."""

        def look() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.log
            status = self.status()
            return status if status and wanted(status) else None

        return wait_until(look, lambda: f"a status; now: {json.dumps(self.status())}\n{self.log}") or {}

    def wait_until_ready(self) -> dict[str, Any]:
        """The first status after a synchronization that has succeeded."""
        return self.wait_for(lambda status: status["lastSuccess"])

    def wait_for_log(self, words: str) -> None:
        """Wait until it has written this."""
        wait_until(lambda: words in self.log, lambda: f"{words!r} in the log:\n{self.log}")

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """End it as service managers do; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def open_files(self) -> list[str]:
        """What its descriptors lead to."""
        found = []
        for path in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(path.readlink()))
        return found

    def about(self, name: str) -> int:
        """A number of /proc/PID/status, such as VmRSS in KiB, or Threads."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
        assert match is not None
        return int(match[1])


@define
class Machine:
    """A network namespace, in which svcc runs, and its files below a directory."""

    folder: Path
    _given: NetworkNamespace | None = None
    namespace: NetworkNamespace = field(init=False)
    _started: list[RunningNode] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.namespace = self._given or NetworkNamespace()
        self.manifests.mkdir(parents=True, exist_ok=True)
        self.namespace.ip("link set lo up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for node in self._started:
            node.process.kill()
            node.process.wait()
            for stream in (node.process.stdin, node.process.stderr):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        if self._given is None:
            self.namespace.close()

    @property
    def log(self) -> str:
        """What all its nodes have written."""
        return "\n".join(node.log for node in self._started)

    @property
    def manifests(self) -> Path:
        """The directory that svcc reads."""
        return self.folder / "manifests"

    def declare(self, *objects: dict[str, Any], file: str = "all.json") -> None:
        """Write a file of the directory, all at once."""
        path = self.manifests / file
        new = self.folder / f".{file}.new"
        new.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        new.replace(path)

    def wanted(self) -> Tables:
        """What the tables are to be for what is declared now."""
        return cold_start(self.manifests)

    def tables(self) -> Tables:
        """What the tables are."""
        return read_tables(self.namespace)

    def wait_until_right(self, wanted: Tables | None = None) -> Tables:
        """Wait until the tables are what a cold start makes of what is declared, with nothing else in them."""
        goal = wanted or self.wanted()

        def difference() -> str:
            now = self.tables()
            bodies = {place for place in {*now.bodies, *goal.bodies} if now.bodies.get(place) != goal.bodies.get(place)}
            return f"the tables of a cold start; {bodies} {now.elements ^ goal.elements} are otherwise\n{self.log}"

        wait_until(lambda: self.holds(goal), difference)
        return goal

    def holds(self, goal: Tables) -> bool:
        """Whether the tables are these, but for pick chains that nobody uses."""
        return self.tables().without_spare_chains(goal) == goal

    def nft(self, script: str) -> None:
        """Do something to the rules, as somebody else."""
        result = self.namespace.run("nft", "-f", "-", text=script)
        assert result.returncode == 0, result.stderr

    def start(
        self,
        *options: str,
        source: str | None = None,
        wrapper: Sequence[str] = (),
        program: Sequence[str] = SVCC,
        environment: Mapping[str, str] | None = None,
        stderr: Path | int | None = None,
        runtime_directory: Path | None = None,
    ) -> RunningNode:
        """Start `svcc node`; `wrapper` is a command that ends with the one to run.

        With the source "-" its `process.stdin` is what is read.
        """
        number = len(self._started)
        runtime = runtime_directory or self.folder / f"run-{number}"
        log = self.folder / f"log-{number}"
        log.touch()
        command = [
            *(*wrapper, *program, "node", "--node", "node-a", "--cluster-cidr", POD_CIDR),
            *("-f", source or str(self.manifests), "--runtime-directory", str(runtime)),
            *("--keep-scripts", str(self.folder / "scripts"), "--min-sync-period", "10ms", *options),
        ]
        with contextlib.ExitStack() as opened:
            opened.enter_context(self.namespace.entered())
            written: Any = (
                stderr if isinstance(stderr, int) else opened.enter_context(Path(stderr or log).open("ab", buffering=0))
            )
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if source == "-" else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=written,
                env={**os.environ, **(environment or {})},
            )
        node = RunningNode(process, runtime, log)
        self._started.append(node)
        return node

    def svcc(
        self, *arguments: str, wrapper: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run another command of svcc to its end."""
        with self.namespace.entered():
            return subprocess.run(
                [*wrapper, *SVCC, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
                env={**os.environ, **(environment or {})},
            )

    def apply(
        self, *options: str, wrapper: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`svcc apply` of what is declared."""
        return self.svcc(*self._apply, *options, wrapper=wrapper, environment=environment)

    def start_apply(self) -> subprocess.Popen[bytes]:
        """`svcc apply`, not waited for."""
        with self.namespace.entered():
            return subprocess.Popen([*SVCC, *self._apply, "--quiet"], stdin=subprocess.DEVNULL)

    @property
    def _apply(self) -> tuple[str, ...]:
        return ("apply", "-f", str(self.manifests), "--node", "node-a", "--cluster-cidr", POD_CIDR)
