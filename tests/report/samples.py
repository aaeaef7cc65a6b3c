"""Audit reports to render: findings told by the evaluator about rulesets that really go wrong."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from attrs import evolve

from svcc.auditing.finding import (
    AuditReport,
    Equality,
    Finding,
    FindingKind,
    RulePlace,
    Scope,
    Suppressed,
    Verdict,
    Witness,
)
from svcc.fields import Severity, Source
from svcc.model.cluster import ClusterObject
from svcc.model.service import Protocol, ServicePort
from svcc.nft.text import script
from svcc.select import ServicePortName
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests.declare import NODE, compiled, local, remote, service, slices

WEB = service("web", ["10.96.0.10"], ServicePort(80, "http", node_port=30080), type="NodePort", namespace="shop")
CART = service("cart", ["10.96.0.20"], namespace="shop")
SCOPE = Scope(
    regions=4182,
    assumptions=(
        "The local addresses of the node are 192.168.0.10 and fd00:1::10, and the loopback addresses.",
        "Packets carry no mark when they arrive.",
    ),
    not_covered=(
        "Packets of connections that conntrack knows already.",
        "What network policies of other nodes do with the packets there.",
    ),
    notes=("table ip filter: nft 1.0.6 prints no handles here",),
)

_FOREIGN = """
table ip firewall {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ip daddr 10.244.2.0/24 tcp dport 8080 drop
	}
}
"""


def _ruleset(web: Iterable[str], *, cart: bool = True, foreign: str = "") -> Evaluator:
    endpoints = [local(address) if ".1." in address else remote(address) for address in web]
    objects: list[ClusterObject] = [WEB, *(evolve(item, namespace="shop") for item in slices("web", endpoints))]
    if cart:
        endpoints = [remote("10.244.2.21"), remote("10.244.2.22")]
        objects += [CART, *(evolve(item, namespace="shop") for item in slices("cart", endpoints))]
    text = "".join(script(compiled(*objects).ruleset)) + foreign
    addresses = [address.address for address in NODE.addresses]
    return Evaluator(text, local_addresses=addresses)


DECLARED = _ruleset(["10.244.1.11", "10.244.2.11", "10.244.2.12"])
FOUND = _ruleset(["10.244.1.11", "10.244.1.99", "10.244.2.11"], cart=False, foreign=_FOREIGN)


def witness(packet: Packet, *, declared: Evaluator = DECLARED, found: Evaluator = FOUND) -> Witness:
    """What two rulesets do with a packet."""
    expected = tuple(evolve(outcome, steps=()) for outcome in declared.evaluate(packet).outcomes)
    return Witness(packet, expected, found.evaluate(packet).outcomes, ("192.168.0.10",))


def blamed(outcomes: Iterable[Outcome], needle: str) -> tuple[RulePlace, ...]:
    """The first rule on the way to an outcome that holds some words."""
    for outcome in outcomes:
        for step in outcome.steps:
            if needle in step.rule:
                return (RulePlace(step.family, step.table, step.chain, step.handle, step.rule),)
    raise AssertionError(needle)


def findings() -> tuple[Finding, ...]:
    """One of each shape: missing, dropped, stale, about rules alone, and something not decided."""
    missing = witness(Packet(Protocol.TCP, "10.244.1.9", "10.96.0.20", 40000, 80))
    dropped = witness(Packet(Protocol.TCP, "10.244.1.9", "10.96.0.10", 40001, 80))
    node_port = witness(Packet(Protocol.TCP, "203.0.113.9", "192.168.0.10", 40002, 30080))
    unknown = Outcome(Fraction(1), "unknown", reasons=("whether `ct mark 0x7` matches is not known",))
    return (
        Finding(
            FindingKind.SERVICE_MISSING,
            Severity.ERROR,
            "shop/cart:http is declared at 10.96.0.20:80, and nothing on the node serves it",
            "shop/cart:http",
            ServicePortName("shop", "cart", "http", Protocol.TCP),
            ("cluster IP 10.96.0.20, port 80",),
            missing,
            (RulePlace("ip", "svcc", element="services: tcp . 10.96.0.20 . 80"),),
            Source("shop/cart.yaml", 9),
            "Load the ruleset again: svcc compile -f shop --node worker-1 | nft -f -",
            12,
            Fraction(1),
            ("external", "pod", "node"),
        ),
        Finding(
            FindingKind.FOREIGN_DROP,
            Severity.ERROR,
            "table ip firewall drops packets of shop/web:http on their way to 10.244.2.11:8080",
            "table ip firewall chain forward",
            ServicePortName("shop", "web", "http", Protocol.TCP),
            ("endpoint 10.244.2.11:8080",),
            dropped,
            blamed(dropped.found, "drop"),
            Source("shop/web.yaml", 21),
            regions=3,
            share=Fraction(1, 3),
            clients=("pod",),
        ),
        Finding(
            FindingKind.ENDPOINT_STALE,
            Severity.WARNING,
            "shop/web:http still sends connections to 10.244.1.99:8080, which is no endpoint any more",
            "shop/web:http",
            ServicePortName("shop", "web", "http", Protocol.TCP),
            ("endpoint 10.244.1.99:8080",),
            node_port,
            blamed(node_port.found, "dnat"),
            Source("shop/web.yaml", 34),
            regions=6,
            share=Fraction(1, 3),
            clients=("external", "node"),
        ),
        Finding(
            FindingKind.NOT_DECIDABLE,
            Severity.WARNING,
            "whether shop/web:http is reached from marked connections cannot be decided",
            "shop/web:http",
            ServicePortName("shop", "web", "http", Protocol.TCP),
            ("ct mark 0x7",),
            Witness(Packet(Protocol.TCP, "10.244.1.9", "10.96.0.10", None, 80, "output"), (), (unknown,)),
            regions=1,
        ),
        Finding(
            FindingKind.CHAIN_DEAD,
            Severity.INFO,
            "chain DOCKER of table ip nat is reached by nothing",
            "table ip nat chain DOCKER",
            rules=(RulePlace("ip", "nat", "DOCKER"), RulePlace("ip", "nat", "DOCKER", 7, "iifname docker0 return")),
        ),
    )


def accepted() -> Suppressed:
    """A finding that somebody decided to live with."""
    stale = Finding(
        FindingKind.SERVICE_STALE,
        Severity.WARNING,
        "10.96.0.99:80 is served and not declared",
        "shop/old:http",
        ServicePortName("shop", "old", "http", Protocol.TCP),
        rules=(RulePlace("ip", "svcc", element="services: tcp . 10.96.0.99 . 80"),),
    )
    return Suppressed(stale, "goes away with the old cluster", "2027-01-31")


def with_findings(node: str = "worker-1") -> AuditReport:
    """A node where something is wrong."""
    return AuditReport(
        node,
        f"dumps/{node}.json",
        Verdict.FINDINGS,
        findings=findings(),
        suppressed=(accepted(),),
        scope=SCOPE,
        baseline_entries_unused=("0123456789abcdef",),
    )


def proved(node: str = "worker-2", equality: Equality = Equality.DISTRIBUTION) -> AuditReport:
    """A node that does what was declared."""
    return AuditReport(node, f"dumps/{node}.json", Verdict.PROVED, equality, scope=SCOPE)


def not_proved(node: str = "worker-3") -> AuditReport:
    """A node of which not everything could be decided."""
    return AuditReport(node, f"dumps/{node}.json", Verdict.NOT_PROVED, findings=findings()[3:4], scope=SCOPE)


def fleet() -> tuple[AuditReport, ...]:
    """One node of each verdict."""
    return with_findings(), proved(), not_proved()
