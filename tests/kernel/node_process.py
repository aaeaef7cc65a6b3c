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
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from attrs import define, field, frozen

from svcc.apply.steps import NOTHING
from svcc.compiler.compilation import compile_cluster
from svcc.errors import TargetError
from svcc.manifest.load import load
from svcc.model.cluster import ClusterSettings
from svcc.nft.transaction import transaction
from svcc.node.status_socket import read_status
from tests.kernel.namespace import NetworkNamespace

POD_CIDR = "10.244.0.0/16"
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
_SETTINGS = ClusterSettings(cluster_cidrs=(POD_CIDR,))
_TABLES = ("ip", "ip6")
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


@frozen
class Tables:
    """What a namespace holds of svcc's tables: by family, kind and name, what a chain or set says, and its elements."""

    bodies: Mapping[tuple[str, str, str], tuple[str, ...]]
    elements: frozenset[tuple[str, str, str]]

    @property
    def base_chains(self) -> list[str]:
        """Those through which packets come."""
        return [place[2] for place, lines in self.bodies.items() if any(" hook " in line for line in lines)]

    def beyond(self, other: Tables) -> Tables | None:
        """What is here and not in another, of which everything must be here as it is there; else None."""
        if any(self.bodies.get(place) != lines for place, lines in other.bodies.items()):
            return None
        if not self.elements >= other.elements:
            return None
        more = {place: lines for place, lines in self.bodies.items() if place not in other.bodies}
        return Tables(more, self.elements - other.elements)

    def without_spare_chains(self, other: Tables) -> Tables:
        """These without pick chains that another has not: a node keeps those that nobody uses any more.

        With them go the elements that lead to them from numbers which no frontend has.
        """
        spare = {place for place in self.bodies if place not in other.bodies and place[2].startswith("pick-")}
        unmet = {place for place in self._unmet(self.elements - other.elements) if place[1] == "picks"}
        named = self._named(unmet)
        kept = {place: lines for place, lines in self.bodies.items() if place not in spare or place[2] in named}
        return Tables(kept, self.elements - unmet)

    def serves_as(self, other: Tables) -> bool:
        """Whether packets meet the same: all of another is here, and beside it only what nothing leads to.

        That is, before `tidy`: endpoints in slots that are not drawn, numbers that no frontend has, and chains that no
        rule and no element names.
        """
        more = self.beyond(other)
        if more is None:
            return False
        keys = {(*place[:2], _key(place[2])) for place in other.elements}
        unmet = self._unmet(more.elements)
        undrawn = all(
            place[1].startswith(("endpoints-", "nodeport-endpoints-")) and (*place[:2], _key(place[2])) not in keys
            for place in more.elements - unmet
        )
        named = self._named(unmet)
        return undrawn and all(kind == "chain" and name not in named for _family, kind, name in more.bodies)

    def _unmet(self, elements: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of these elements that no packet gets to: the numbers decide, and are asked first."""
        numbered = [place for place in self.elements if place[1].startswith("balanced-")]
        numbers = {(family, text.rpartition(" : ")[2]) for family, _name, text in numbered}
        frontends = {(family, name.removeprefix("balanced-"), _key(text)) for family, name, text in numbered}
        return {
            (family, name, text)
            for family, name, text in elements
            if (name == "picks" and (family, _key(text)) not in numbers) or (family, name, _key(text)) in frontends
        }

    def _named(self, but: Container[tuple[str, str, str]]) -> set[str]:
        """The chains that rules and elements lead to, but for some elements."""
        texts = [line for lines in self.bodies.values() for line in lines]
        texts += [place[2] for place in self.elements if place not in but]
        return {target for text in texts for target in re.findall(r"(?:goto|jump) ([^\s,]+)", text)}


def _key(element: str) -> str:
    return re.split(r' comment "| : ', element)[0]


def read_tables(namespace: NetworkNamespace) -> Tables:
    """What the namespace holds, both families in one reading each."""
    bodies: dict[tuple[str, str, str], tuple[str, ...]] = {}
    elements: set[tuple[str, str, str]] = set()
    for family in _TABLES:
        text = _listing(namespace, family)
        for kind, name, body in re.findall(r"^\t(chain|map|set) (\S+) \{\n(.*?)^\t\}$", text, re.MULTILINE | re.DOTALL):
            listed = (
                re.search(r"^\t\telements = \{(.*)\}$", body, re.MULTILINE | re.DOTALL) if kind != "chain" else None
            )
            if listed:
                elements |= {(family, name, " ".join(each.split())) for each in listed[1].split(",")}
            lines = (body.replace(listed[0], "") if listed else body).splitlines()
            bodies[family, kind, name] = tuple(line.strip() for line in lines if line.strip())
        flags = re.findall(r"^\tflags .*$", text, re.MULTILINE)
        if text:
            bodies[family, "table", "svcc"] = tuple(flags)
    return Tables(bodies, frozenset(elements))


def _listing(namespace: NetworkNamespace, family: str) -> str:
    while True:
        result = namespace.run("nft", "list", "table", family, "svcc")
        if result.returncode == 0:
            return result.stdout
        if "No such file or directory" in result.stderr:
            return ""
        # Somebody was changing the rules at the same moment, or else this never ends, and pytest's limit says so.
        assert "Interrupted system call" in result.stderr or "busy" in result.stderr, result.stderr


def cold_start(manifests: Path, node: str = "node-a") -> Tables:
    """What a namespace holds into which nft itself has loaded what the manifests compile to."""
    compilation = compile_cluster(load([str(manifests)]).cluster, node=node, settings=_SETTINGS)
    namespace = NetworkNamespace()
    try:
        result = namespace.run("nft", "-f", "-", text=transaction(NOTHING, compilation.ruleset).script)
        assert result.returncode == 0, result.stderr
        return read_tables(namespace)
    finally:
        namespace.close()


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
