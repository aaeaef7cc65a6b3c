"""Compile the manifests of `examples/shop`, load the ruleset into throw-away network namespaces, and ask who answers.

Needs nft, ip, and either root or user namespaces for everybody; without them it compiles and shows the ruleset.
Nothing outside of this process's own namespaces is changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import attrs
from demo_network import Conversation, Namespace, Network, obstacle

import svcc

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = "examples/shop"
NODE = "worker-1"
CLUSTER_CIDRS = ("10.244.0.0/16", "fd00:244::/32")
ARGUMENTS = ["compile", "-f", MANIFESTS, "--node", NODE, "--cluster-cidr", ",".join(CLUSTER_CIDRS)]

NODE_ADDRESS, NODE_ADDRESS_IPV6 = "192.168.0.10", "fd00:1::10"
CHECKOUT, CHECKOUT_IPV6, SEARCH = "10.244.1.99", "fd00:244:1::99", "10.244.1.98"
VISITOR, VISITOR_IPV6, STRANGER = "203.0.113.9", "2001:db8:1::9", "192.0.2.66"
NAMES = {
    CHECKOUT: "pod checkout",
    CHECKOUT_IPV6: "pod checkout",
    SEARCH: "pod search",
    VISITOR: "visitor 203.0.113.9",
    VISITOR_IPV6: "visitor 2001:db8:1::9",
    STRANGER: "stranger 192.0.2.66",
}

TIMEOUT_SECONDS = 1.0
INTERRUPTED = 130
WIDTHS = (24, 36, 7, 34)


@dataclass(frozen=True)
class Frontend:
    """Where clients connect to, and what people call it."""

    name: str
    address: str
    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.name} {shown}:{self.port}{'' if self.protocol == 'TCP' else '/' + self.protocol}"


WEB = Frontend("web", "10.96.0.10", 80)
WEB_IPV6 = Frontend("web", "fd00:96::10", 80)
WEB_VIP = Frontend("web", "198.51.100.80", 80)
WEB_VIP_IPV6 = Frontend("web", "2001:db8:80::80", 80)
WEB_NODE_PORT = Frontend("web", NODE_ADDRESS, 30080)
CART = Frontend("cart", "10.96.0.20", 80)
CART_NODE_PORT = Frontend("cart", NODE_ADDRESS, 30081)
DNS = Frontend("kube-dns", "10.96.0.53", 53, "UDP")
REPORTS = Frontend("reports", "10.96.0.30", 80)
UNDEFINED = Frontend("web", "10.96.0.10", 443)


class Shop:
    """The manifests' objects in the network: asks, and prints who answered."""

    def __init__(self, network: Network, cluster: svcc.Cluster) -> None:
        self._network = network
        self._pods: Mapping[str, str] = {
            endpoint.addresses[0]: f"{endpoint.target.name} on {endpoint.node_name}"
            for endpoint_slice in cluster.endpoint_slices
            for endpoint in endpoint_slice.endpoints
            if endpoint.target is not None
        }

    def connect(self, source: str, to: Frontend) -> Conversation:
        """Begin a conversation as one of the clients."""
        return Conversation(
            self._namespace(source), source, (to.address, to.port), to.protocol, timeout=TIMEOUT_SECONDS
        )

    def ask(self, source: str, to: Frontend, times: int = 1) -> None:
        """Connect so many times, and print a row for each outcome with its count."""
        outcomes = Counter(self._outcome(source, to) for _ in range(times))
        for outcome, count in sorted(outcomes.items()):
            self.row(source, to, count, outcome)

    def ask_again(self, conversation: Conversation, source: str, to: Frontend) -> str:
        """Ask on a connection that is open, print the row, and return the address that answered."""
        answer = conversation.ask()
        self.row(source, to, 1, (self._pods[answer.server], answer.client))
        return answer.server

    @staticmethod
    def row(source: str, to: Frontend, count: int, outcome: tuple[str, str]) -> None:
        """Print one row of the table."""
        line((NAMES[source], str(to), f"{count}x", *outcome))

    def _outcome(self, source: str, to: Frontend) -> tuple[str, str]:
        started = time.monotonic()
        try:
            with self.connect(source, to) as conversation:
                answer = conversation.ask()
        except ConnectionRefusedError:
            after = "at once" if time.monotonic() - started < TIMEOUT_SECONDS / 5 else "late"
            return f"(connection refused {after})", "-"
        except TimeoutError:
            return f"(no answer in {TIMEOUT_SECONDS:.0f} s)", "-"
        return self._pods[answer.server], answer.client

    def _namespace(self, source: str) -> Namespace:
        shopping = source in {CHECKOUT, CHECKOUT_IPV6, SEARCH}
        return self._network.namespaces["shoppers" if shopping else "outside"]


def main() -> int:
    """Run the demo and return its exit code."""
    started = time.monotonic()
    ruleset = compiled()
    problem = obstacle()
    if problem is not None:
        section("No traffic here")
        say(f"The ruleset was compiled, but this machine cannot try it: {problem}.")
        return 0
    cluster = svcc.load([str(ROOT / MANIFESTS)]).cluster
    endpoints = (
        (endpoint.addresses[0], port.port)
        for endpoint_slice in cluster.endpoint_slices
        for endpoint in endpoint_slice.endpoints
        for port in endpoint_slice.ports
        if port.port is not None
    )
    shoppers, visitors = (CHECKOUT, CHECKOUT_IPV6, SEARCH), (VISITOR, VISITOR_IPV6, STRANGER)
    with closing(Network((NODE_ADDRESS, NODE_ADDRESS_IPV6), shoppers, visitors, endpoints)) as network:
        section(f"Load it into {NODE}, a network namespace of its own")
        seconds = network.load(ruleset)
        say(f"$ nft -f shop.nft          # {seconds * 1000:.0f} ms, one transaction")
        shop = Shop(network, cluster)
        show_traffic(shop)
        show_a_change(shop, network, cluster)
    say(f"\nDone in {time.monotonic() - started:.1f} s; the namespaces are gone.")
    return 0


def compiled() -> str:
    """Run svcc as users do, and show what it printed."""
    section(f"Compile the Services of {MANIFESTS}")
    say(f"$ svcc {' '.join(ARGUMENTS)} > shop.nft")
    ruleset = subprocess.run(
        [sys.executable, "-m", "svcc", *ARGUMENTS], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    lines = ruleset.splitlines()
    compilation = svcc.compile(
        svcc.load([str(ROOT / MANIFESTS)]).cluster,
        node=NODE,
        settings=svcc.ClusterSettings(cluster_cidrs=CLUSTER_CIDRS),
    )
    plans = [plan for family in compilation.dataplane.families for plan in family.service_ports]
    services = {(plan.name.namespace, plan.name.service) for plan in plans}
    chains = sum(entry.startswith("\tchain ") for entry in lines)
    say(
        f"{len(lines)} lines: {len(services)} Services with {sum(len(plan.frontends) for plan in plans)} frontends"
        f" and {sum(len(plan.cluster_endpoints) for plan in plans)} endpoints,"
        f" {chains} chains in 2 tables (IPv4 and IPv6). From the IPv4 one:\n"
    )
    for first in ("\tmap services {", "\tmap endpoints-tcp {", "\tchain services {", "\tchain pick-3 {"):
        say("\n".join(block(lines, first, about=f" {WEB.address} ")))
    return ruleset


def block(lines: list[str], first: str, about: str) -> list[str]:
    """The IPv4 table's block that begins with a line, without the elements that are about something else."""
    ipv4_only = lines[: lines.index("table ip6 svcc {")]
    # Maps are declared before they are filled: the last block is the one that counts.
    start = max(number for number, text in enumerate(ipv4_only) if text == first)
    shown: list[str] = []
    if ipv4_only[start - 1].startswith("\t#"):
        start -= 1
    for text in ipv4_only[start : ipv4_only.index("\t}", start) + 1]:
        entry = "\t\t\t..." if text.startswith("\t\t\t") and about not in text else text
        if entry not in shown[-1:]:
            shown.append(entry)
    return [text.expandtabs(2) for text in shown]


def show_traffic(shop: Shop) -> None:
    """Every kind of client and frontend."""
    section("Connect")
    line(("FROM", "TO", "TIMES", "ANSWERED BY", "CLIENT SEEN AS"))
    topic("A cluster IP is served by all endpoints, who see the pod that asks.")
    shop.ask(CHECKOUT, WEB, 30)
    topic("cart has session affinity: each client stays on one pod.")
    shop.ask(CHECKOUT, CART, 12)
    shop.ask(SEARCH, CART, 12)
    topic("From outside web is served by local pods only (externalTrafficPolicy: Local), who see the real client.")
    shop.ask(VISITOR, WEB_VIP, 6)
    shop.ask(VISITOR, WEB_NODE_PORT, 6)
    topic("cart is served to the outside by all pods: answers come back through the node, so they see the node.")
    shop.ask(VISITOR, CART_NODE_PORT, 6)
    topic("loadBalancerSourceRanges admits 203.0.113.0/24 to the load balancer's address, and nobody else.")
    shop.ask(STRANGER, WEB_VIP)
    topic("UDP and IPv6 are served alike.")
    shop.ask(CHECKOUT, DNS, 10)
    shop.ask(CHECKOUT_IPV6, WEB_IPV6, 10)
    shop.ask(VISITOR_IPV6, WEB_VIP_IPV6, 6)
    topic("What nobody serves is refused at once: reports has no endpoints, web has no port 443.")
    shop.ask(CHECKOUT, REPORTS)
    shop.ask(CHECKOUT, UNDEFINED)


def show_a_change(shop: Shop, network: Network, cluster: svcc.Cluster) -> None:
    """An endpoint goes while a connection to it is open."""
    section("An endpoint goes")
    say("checkout opens a connection to cart and keeps it open:\n")
    with shop.connect(CHECKOUT, CART) as kept:
        gone = shop.ask_again(kept, CHECKOUT, CART)
        changed = svcc.compile(
            without_endpoint(cluster, gone),
            node=NODE,
            settings=svcc.ClusterSettings(cluster_cidrs=CLUSTER_CIDRS),
        )
        seconds = network.load(changed.script)
        say(f"\n{gone} leaves its EndpointSlice; the new ruleset replaces the old one in {seconds * 1000:.0f} ms.")
        topic("The open connection stays; clients of the pod that went move on, each to one pod; all others stay.")
        shop.ask_again(kept, CHECKOUT, CART)
    shop.ask(CHECKOUT, CART, 12)
    shop.ask(SEARCH, CART, 12)


def without_endpoint(cluster: svcc.Cluster, address: str) -> svcc.Cluster:
    """The cluster after an endpoint has gone."""
    return attrs.evolve(
        cluster,
        endpoint_slices=[
            attrs.evolve(item, endpoints=[endpoint for endpoint in item.endpoints if address not in endpoint.addresses])
            for item in cluster.endpoint_slices
        ],
    )


def section(title: str) -> None:
    """Begin a part of the demo."""
    say(f"\n== {title} ==\n")


def topic(sentence: str) -> None:
    """Say what the next rows show."""
    say(f"\n# {sentence}")


def line(cells: Iterable[str]) -> None:
    """Print aligned cells, the last one as it is."""
    say("".join(f"{cell:{width}}" for cell, width in zip(cells, (*WIDTHS, 0), strict=True)).rstrip())


def say(text: str) -> None:
    """Print, at once even into a pipe."""
    print(text, flush=True)


def become_root_of_a_user_namespace() -> None:
    """Start again under `unshare -rn` where that works; return where it does not, or where root is had already."""
    if os.geteuid() == 0 or shutil.which("unshare") is None:
        return
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0:
        os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv])  # noqa: S606  (fixed program, and no shell is wanted)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    become_root_of_a_user_namespace()
    try:
        sys.exit(main())
    except RuntimeError as error:
        say(f"\nerror: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\ninterrupted; the namespaces are gone")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # As with `| head`; stdout is pointed elsewhere so that its flush at exit is quiet, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
