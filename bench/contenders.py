"""Ways to put the same Services into a kernel, to be compared with svcc's."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from bench.clusters import POD_CIDR, VERSION, cluster_file, node_name
from bench.iptables import iptables_rules
from bench.nftlb import nftlb_farms
from svcc import ClusterSettings, Compilation, load
from svcc.compiler.compilation import compile_cluster
from tests.kernel.namespace import NetworkNamespace
from tests.kube_proxy import kube_proxy_ruleset

__all__ = ["CONTENDERS", "NODE", "SETTINGS", "Contender", "Loading", "input_file", "load_into"]

NODE = node_name(7)
SETTINGS = ClusterSettings(cluster_cidrs=[POD_CIDR])
_NOBODYS_RULE = """
table ip idle {
  chain prerouting { type nat hook prerouting priority dstnat; ip daddr 192.0.2.1 dnat to 192.0.2.2; }
  chain postrouting { type nat hook postrouting priority srcnat; }
}
"""
# A program's peak of memory is at least that of the process that starts it, which therefore is a small one.
_MEASURED = """
import resource, subprocess, sys, time
start = time.perf_counter()
with open(sys.argv[1], "wb") as output:
    status = subprocess.call(sys.argv[2:], stdout=output)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(status)
"""


@frozen
class Contender:
    """A layout of rules and the program that loads it.

    Attributes:
        command: what loads the file that is appended to it; its first word is the program that is needed.
        most: Services at which loading is bearable, some seconds; beyond them the column is left out.
        most_with_patience: the same with `--large`, some minutes.
        refuses: why it goes no further.
        translates: whether connections to frontends get anywhere.
    """

    name: str
    command: tuple[str, ...]
    text: Callable[[Compilation], Iterable[str]]
    most: int = 30_000
    most_with_patience: int = 30_000
    refuses: str = ""
    translates: bool = True

    def absence(self, services: int, *, patient: bool) -> str:
        """Why it does not take part; nothing if it does."""
        if self.command and shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not installed"
        if services > (self.most_with_patience if patient else self.most):
            return self.refuses + ("" if patient or services > self.most_with_patience else "; asked for by --large")
        return ""


def _script(compilation: Compilation) -> Iterable[str]:
    return (compilation.script,)


def _chains(compilation: Compilation) -> Iterable[str]:
    return (kube_proxy_ruleset(compilation.dataplane, layout="1.35"),)


def _iptables(compilation: Compilation) -> Iterable[str]:
    return iptables_rules(compilation.dataplane)


def _nftlb(compilation: Compilation) -> Iterable[str]:
    return nftlb_farms(compilation.dataplane)


def _idle(_compilation: Compilation) -> Iterable[str]:
    return (_NOBODYS_RULE,)


CONTENDERS = (
    Contender("no NAT", (), lambda _compilation: (), translates=False),
    Contender("idle NAT", ("nft", "-f"), _idle, translates=False),
    Contender("svcc", ("nft", "-f"), _script),
    Contender(
        "chain per endpoint",
        ("nft", "-f"),
        _chains,
        most=1_000,
        most_with_patience=10_000,
        refuses="loading grows with the square of the chains",
    ),
    Contender(
        "iptables-legacy",
        ("iptables-legacy-restore",),
        _iptables,
        most=10_000,
        refuses="loading grows with the square of the chains",
    ),
    Contender(
        "iptables-nft",
        ("iptables-nft-restore",),
        _iptables,
        most=1_000,
        most_with_patience=10_000,
        refuses="loading grows faster than the rules",
    ),
    Contender(
        "nftlb",
        ("nftlb", "-e", "-L", "2", "-l", "2", "-k", "unused", "-c"),
        _nftlb,
        most=100,
        most_with_patience=200,
        refuses="loading grows with the cube of the Services",
    ),
)


@frozen
class Loading:
    """What a program took until its rules were loaded.

    Attributes:
        seconds: on the clock.
        processor_seconds: of the program and of the kernel on its behalf.
        peak_megabytes: the most memory that the program had; the kernel's is not in it.
    """

    seconds: float
    processor_seconds: float
    peak_megabytes: int


def input_file(folder: Path, contender: Contender, services: int) -> Path:
    """What the contender loads for the cluster of that size."""
    path = folder / f"{contender.name.replace(' ', '-')}-{services}-v{VERSION}"
    if not path.exists():
        with path.open("w") as stream:
            stream.writelines(contender.text(_compilation(folder, services)))
    return path


@lru_cache(maxsize=1)
def _compilation(folder: Path, services: int) -> Compilation:
    gc.disable()
    try:
        cluster = load([str(cluster_file(folder, services))]).cluster
        return compile_cluster(cluster, node=NODE, settings=SETTINGS)
    finally:
        gc.enable()


def load_into(namespace: NetworkNamespace, command: Iterable[str], output: Path | None = None) -> Loading:
    """Run a program inside a namespace; RuntimeError with its message if it fails."""
    arguments = [sys.executable, "-I", "-S", "-c", _MEASURED, str(output or os.devnull), *command]
    with namespace.entered():
        measured = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if measured.returncode != 0:
        raise RuntimeError(f"{arguments[6:]!r} ended with {measured.returncode}: {measured.stderr[:1000]}")
    seconds, processor_seconds, kilobytes = map(float, measured.stdout.split())
    return Loading(seconds, processor_seconds, int(kilobytes) // 1024)
