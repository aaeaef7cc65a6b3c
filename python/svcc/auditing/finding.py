"""What an audit tells: findings, each one cause, and the report they stand in."""

from __future__ import annotations

import enum
import hashlib
from fractions import Fraction

from attrs import field, frozen

from svcc.auditing.spelling import unspelt
from svcc.fields import Severity, Source
from svcc.select import ServicePortName
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet

__all__ = [
    "AuditReport",
    "Equality",
    "Finding",
    "FindingKind",
    "RulePlace",
    "Scope",
    "Suppressed",
    "Verdict",
    "Witness",
]


class FindingKind(enum.StrEnum):
    """The stable ids of findings; `svcc.auditing.catalogue` has the severity, the title and the hint of each."""

    SERVICE_MISSING = "service-missing"
    ENDPOINT_MISSING = "endpoint-missing"
    ENDPOINT_STALE = "endpoint-stale"
    ENDPOINT_FOREIGN = "endpoint-foreign"
    SERVICE_STALE = "service-stale"
    WRONG_PORT = "wrong-port"
    WRONG_DISTRIBUTION = "wrong-distribution"
    ENDPOINT_NEVER_CHOSEN = "endpoint-never-chosen"
    MASQUERADE_MISSING = "masquerade-missing"
    MASQUERADE_WRONG = "masquerade-wrong"
    HAIRPIN_NOT_MASQUERADED = "hairpin-not-masqueraded"
    NOT_REJECTED = "not-rejected"
    NOT_DROPPED = "not-dropped"
    WRONGLY_REFUSED = "wrongly-refused"
    SOURCE_RANGE_BYPASSED = "source-range-bypassed"
    SOURCE_RANGE_BYPASSED_BY_NODE_PORT = "source-range-bypassed-by-node-port"
    NODE_PORT_EXPOSED = "node-port-exposed"
    NODE_PORT_BEYOND_ADDRESSES = "node-port-beyond-addresses"
    CLUSTER_IP_FROM_OUTSIDE = "cluster-ip-from-outside"
    LOCAL_POLICY_BLACK_HOLE = "local-policy-black-hole"
    AFFINITY_LOST = "affinity-lost"
    RULE_UNREACHABLE = "rule-unreachable"
    RULE_SHADOWED = "rule-shadowed"
    CHAIN_DEAD = "chain-dead"
    MAP_ELEMENT_DANGLING = "map-element-dangling"
    FRONTEND_OWNED_TWICE = "frontend-owned-twice"
    OTHER_PROXY_LEFTOVERS = "other-proxy-leftovers"
    FOREIGN_DROP = "foreign-drop"
    FOREIGN_MARK = "foreign-mark"
    FOREIGN_TRANSLATION = "foreign-translation"
    FOREIGN_NETWORK = "foreign-network"
    REFUSED_EITHER_WAY = "refused-either-way"
    OLDER_SVCC = "older-svcc"
    OTHER_NODE = "other-node"
    NOT_DECIDABLE = "not-decidable"
    BEHAVIOUR_DIFFERS = "behaviour-differs"
    """Of two rulesets compared with each other: a packet that they treat differently."""


class Verdict(enum.StrEnum):
    """What an audit came to."""

    PROVED = "proved"
    FINDINGS = "findings"
    NOT_PROVED = "not-proved"
    """Nothing wrong was found, and not everything could be decided."""


class Equality(enum.StrEnum):
    """How equal what was found is to what was declared, the weakest of all packets."""

    EXACT = "exact"
    """The same endpoint for every packet."""
    DISTRIBUTION = "distribution"
    """The same chances for every packet."""
    SUPPORT = "support"
    """The same endpoints are possible for every packet, by chance here and by a hash there."""


@frozen
class RulePlace:
    """A rule, or an element of a map or set, to blame.

    Attributes:
        family, table: of its table.
        chain: its chain; empty for an element that is named without a rule.
        handle: the rule's, if the dump has handles.
        rule: the rule as nft prints it; empty where the policy of the chain decided, or for elements.
        element: the element as nft prints it, after the name of its map: ``services: tcp . 10.96.0.1 . 80``.
        is_missing: it should be there and is not; `rule` and `element` are then those that should be.
    """

    family: str
    table: str
    chain: str = ""
    handle: int | None = None
    rule: str = ""
    element: str = ""
    is_missing: bool = False


@frozen
class Witness:
    """A packet that shows what is wrong, replayed through the evaluator before it was shown.

    Attributes:
        packet: send it, and this happens.
        expected: what was declared; without steps, unless it comes from another ruleset.
        found: what the ruleset does, with the way there.
        local_addresses: what had to be the node's own address for this, beside those that are known.
    """

    packet: Packet
    expected: tuple[Outcome, ...]
    found: tuple[Outcome, ...]
    local_addresses: tuple[str, ...] = ()


@frozen
class Finding:
    """One cause, however many packets it touches.

    Attributes:
        message: one sentence that names the Service port or table and what is wrong.
        service_port: the Service port it is about; None where it is about rules alone.
        subject: what it is about, stable from dump to dump: ``shop/web:http`` or ``table ip nat chain DOCKER``.
        details: further sentences, such as the frontends or endpoints that are meant, in a stable order.
        witness: None for findings about rules that no packet meets.
        rules: to blame, the most to blame first.
        source: the manifest and line that declared what is not so.
        hint: what to do about it.
        regions: how many disjoint regions of packets show it; 0 where none does.
        share: of the new connections in those regions, the part that is treated wrongly at least; None if not known.
        clients: who sees it: ``external``, ``pod``, ``node``, in this order.
    """

    kind: FindingKind
    severity: Severity
    message: str
    subject: str
    service_port: ServicePortName | None = None
    details: tuple[str, ...] = ()
    witness: Witness | None = None
    rules: tuple[RulePlace, ...] = ()
    source: Source | None = None
    hint: str = ""
    regions: int = 0
    share: Fraction | None = None
    clients: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stay the same while the cause does: no handles, no counts, no chain hashes.

        Rules count without their spelling, so that dumps as text and as JSON have findings in common.
        """
        told = (self.subject, *self.details)
        words = "\0".join((self.kind.value, *(told if self.service_port else map(unspelt, told))))
        return hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@frozen
class Suppressed:
    """A finding that a baseline accepts."""

    finding: Finding
    reason: str
    expires: str | None = None


@frozen
class Scope:
    """What the verdict rests on and does not cover; printed with every verdict.

    Attributes:
        regions: the number of disjoint regions of packets examined.
        assumptions: what was taken as given, a sentence each.
        not_covered: what the proof says nothing about, a sentence each.
        notes: what the reader of the dump says of it.
    """

    regions: int = 0
    assumptions: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@frozen
class AuditReport:
    """The audit of one node.

    Attributes:
        node: its name; empty where two rulesets were compared.
        dump: the file the rules came from, as the user named it.
        verdict: `PROVED` only if every packet was decided and no finding is worse than INFO.
        equality: None unless the verdict is `PROVED`.
        findings: the worst first; within a severity by kind, then subject.
    """

    node: str
    dump: str
    verdict: Verdict
    equality: Equality | None = None
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    scope: Scope = field(factory=Scope)
    baseline_entries_unused: tuple[str, ...] = ()
