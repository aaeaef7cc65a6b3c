"""`audit`: whether a node's rules do what was declared; `audit_against`: whether two rulesets do the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from attrs import evolve, field, frozen

from svcc.addresses import canonical_address
from svcc.auditing.baseline import Baseline
from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.causes import explained, one_owner, without_proxy
from svcc.auditing.classify import classify, ordered
from svcc.auditing.classify_against import classify_against
from svcc.auditing.classify_declared import Declared
from svcc.auditing.classify_policies import declared_surprises
from svcc.auditing.clients import with_clients
from svcc.auditing.declaration import declarations
from svcc.auditing.departures import departures_from
from svcc.auditing.difference import Comparison
from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind
from svcc.auditing.foreign_networks import foreign_networks
from svcc.auditing.inspection import inspect
from svcc.auditing.mentions import Mentions
from svcc.auditing.other_node import with_other_node
from svcc.auditing.proof import BegunProof, compare_rulesets, prove, unreached
from svcc.auditing.scope import scope_of, scope_of_two
from svcc.auditing.suppositions import without_suppositions
from svcc.auditing.verdict import concluded
from svcc.compiler.compilation import Compilation, chosen_node, declared_cluster
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.contract import Dataplane
from svcc.errors import InputError, SettingsError
from svcc.fields import Severity
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.nft.text import table_text
from svcc.trace.evaluator import Evaluator

__all__ = ["ReadRuleset", "audit", "audit_against", "audit_dataplane", "read_ruleset"]

_SHOWN: Final = 3


@frozen
class ReadRuleset:
    """A ruleset that was read before it is known whose node it is: its text, and what it does."""

    document: bytes = field(repr=False)
    evaluator: Evaluator


def audit(
    ruleset: Compilation | str | bytes,
    objects: Cluster | Loaded | Iterable[ClusterObject],
    *,
    node: str | None = None,
    settings: ClusterSettings | None = None,
    baseline: Baseline | None = None,
    dump: str = "",
    unreachable: bool = False,
) -> AuditReport:
    """Prove that a ruleset does what was declared, for every packet, or show packets for which it does not.

    Args:
        ruleset: a dump of the node, ``nft -j list ruleset`` or ``nft list ruleset``; or what svcc compiled.
        objects: what was declared, as for `compile`; objects with errors count as not declared.
        node: the name of the node; None takes the only Node among the objects.
        settings: what is no object of the API; `ClusterSettings.local_addresses` are the node's own addresses.
        baseline: findings that are accepted (`svcc.auditing.baseline`).
        dump: the name of the dump, for the report.
        unreachable: tell of rules that no packet meets, too, which takes two times longer.

    Raises:
        InputError: the dump cannot be read; or `node` is None and there are several Nodes.
        SettingsError: the settings make no sense.
        TypeError: an object is of a class that svcc does not read.
    """
    cluster, _problems = declared_cluster(objects)
    settings = settings or ClusterSettings()
    built = build_dataplane(cluster, chosen_node(cluster, node), settings)
    return audit_dataplane(
        ruleset, built.dataplane, cluster, settings=settings, baseline=baseline, dump=dump, unreachable=unreachable
    )


def read_ruleset(ruleset: Compilation | str | bytes, dump: str = "") -> ReadRuleset:
    """Read a ruleset for `audit_dataplane`; other threads can run meanwhile.

    Raises:
        InputError: the dump cannot be read.
    """
    document = _document(ruleset)
    return ReadRuleset(document, _evaluator(document, dump, (), big_endian=False))


def audit_dataplane(
    ruleset: Compilation | str | bytes | ReadRuleset,
    dataplane: Dataplane,
    cluster: Cluster | None = None,
    *,
    settings: ClusterSettings | None = None,
    baseline: Baseline | None = None,
    dump: str = "",
    unreachable: bool = False,
    begun: Future[BegunProof | None] | None = None,
) -> AuditReport:
    """`audit` for a dataplane; with the `cluster` it was made of, more is known of endpoints that are not used.

    With its `settings`, too, rules of another node are known as such. `begun` is what another thread makes of the
    ruleset meanwhile (`svcc.auditing.proof.begin`).

    Raises:
        InputError: the dump cannot be read.
    """
    read = ruleset if isinstance(ruleset, ReadRuleset) else read_ruleset(ruleset, dump)
    addresses = [address for family in dataplane.families for address in family.node_addresses]
    evaluator = read.evaluator.on_node(addresses, big_endian=dataplane.big_endian)
    families = declarations(dataplane)

    def proved() -> Comparison:
        before = None if begun is None else begun.result()
        return prove(evaluator, families, local_addresses_complete=False, begun=before)

    with ThreadPoolExecutor(max_workers=1) as beside:
        proving = beside.submit(proved)
        # Rust proves without Python's lock, so what needs no proof is done meanwhile.
        inspected = inspect(evaluator.native)
        surprises = tuple(declared_surprises(dataplane))
        comparison = proving.result()
    declared, has_endpoint = Declared(dataplane, cluster), Mentions(read.document).has_endpoint
    ours = [each for each in comparison.differences if not each.aside]
    found = classify(ours, declared, has_endpoint)
    found = with_clients(without_suppositions(found, declared), evaluator, declared, families, has_endpoint)
    is_right = comparison.is_whole and all(each.severity is Severity.INFO for each in found)
    structure = tuple(map(_harmless, inspected.findings)) if is_right else inspected.findings
    found, structure = one_owner(without_proxy(found, inspected.owners), structure)
    to_explain = bool(found) and not is_right
    if to_explain and (departures := departures_from(inspected.native, inspected.owners, dataplane)) is not None:
        causes = explained(found, structure, departures, dataplane)
        found, structure = causes.findings, causes.shapes
    if to_explain and cluster is not None and settings is not None:
        found = with_other_node(
            found,
            read.document,
            cluster,
            dataplane.node,
            lambda node: _of_node(read, build_dataplane(cluster, node, settings).dataplane),
            sum(each.regions for each in ours),
        )
    asides = foreign_networks(
        classify([each for each in comparison.differences if each.aside], declared, has_endpoint), found
    )
    findings = [*found, *asides, *structure, *surprises, *_not_proved(comparison)]
    if unreachable and (unmet := unreached(evaluator)) is not None:
        rows = [(rule.family, rule.table, rule.chain, rule.handle, rule.rule) for rule in unmet.rules]
        findings += inspected.unreachable(rows)
    return concluded(
        dataplane.node,
        dump,
        ordered(findings),
        scope_of(dataplane, regions=comparison.regions, notes=evaluator.notes),
        _equality(comparison),
        baseline=baseline,
    )


def audit_against(
    ruleset: Compilation | str | bytes,
    other: Compilation | str | bytes,
    *,
    local_addresses: Iterable[str] = (),
    big_endian: bool = False,
    baseline: Baseline | None = None,
    dump: str = "",
    other_dump: str = "",
) -> AuditReport:
    """Whether a ruleset does the same as another with every packet; what it does otherwise are the findings.

    Args:
        ruleset: the ruleset that is judged: a dump, or what svcc compiled.
        other: what it is compared with, such as the ruleset before a change.
        local_addresses: the addresses that are the node's own; those of the loopback interface always are.
        big_endian: the byte order of the node, which hashes depend on.
        baseline: findings that are accepted.
        dump: the name of the ruleset, for the report.
        other_dump: that of the other one.

    Raises:
        InputError: a dump cannot be read.
        SettingsError: a local address is none.
    """
    addresses = list(local_addresses)
    for text in addresses:
        if canonical_address(text) is None:
            raise SettingsError(f"local_addresses: {text!r} is not an IP address")
    judged = _evaluator(_document(ruleset), dump, addresses, big_endian=big_endian)
    before = _evaluator(_document(other), other_dump, addresses, big_endian=big_endian)
    # Two proxies may well choose the same endpoints in different ways; the report says so.
    comparison = compare_rulesets(before, judged, support=True)
    return concluded(
        "",
        f"{dump} against {other_dump}" if dump and other_dump else dump,
        ordered((*classify_against(comparison.differences), *_not_proved(comparison))),
        scope_of_two(
            addresses,
            regions=comparison.regions,
            notes=(*judged.notes, *(f"the other ruleset: {note}" for note in before.notes)),
        ),
        _equality(comparison),
        baseline=baseline,
    )


def _document(ruleset: Compilation | str | bytes) -> bytes:
    if isinstance(ruleset, Compilation):
        return "".join(piece for table in ruleset.ruleset.tables for piece in table_text(table)).encode()
    return ruleset.encode("utf-8", "surrogateescape") if isinstance(ruleset, str) else bytes(ruleset)


def _evaluator(document: bytes, name: str, local_addresses: Iterable[str], *, big_endian: bool) -> Evaluator:
    try:
        return Evaluator(document, local_addresses=local_addresses, big_endian=big_endian)
    except InputError as error:
        raise InputError(f"{name}: {error.message}" if name else error.message, hint=error.hint) from None


def _of_node(read: ReadRuleset, dataplane: Dataplane) -> Comparison:
    """How a ruleset compares with what is declared for a node."""
    addresses = [address for family in dataplane.families for address in family.node_addresses]
    evaluator = read.evaluator.on_node(addresses, big_endian=dataplane.big_endian)
    return prove(evaluator, declarations(dataplane), local_addresses_complete=False)


def _harmless(finding: Finding) -> Finding:
    """A finding about the form of rules, where every packet is proved to fare as declared: for information.

    What two proxies at once, or two owners of a frontend, come to may change with the next load; they stay as they are.
    """
    return evolve(finding, severity=Severity.INFO) if finding.severity is Severity.WARNING else finding


def _equality(comparison: Comparison) -> Equality | None:
    """How equal the two sides are with every packet; None where they are not, even if a baseline accepts it."""
    return Equality(comparison.equality) if comparison.is_equal and not comparison.unattainable else None


def _not_proved(comparison: Comparison) -> Iterator[Finding]:
    """What stands between what was found and a proof, besides differences."""
    entry = CATALOGUE[FindingKind.NOT_DECIDABLE]

    def finding(message: str, subject: str, hint: str) -> Finding:
        return Finding(FindingKind.NOT_DECIDABLE, entry.severity, message, subject, hint=hint)

    if comparison.too_large:
        message = "the proof was given up: what the ruleset does with all packets has too many parts"
        yield finding(message, "proof", "audit fewer Services at once, or single packets: svcc trace")
    if comparison.unattainable:
        count = len(comparison.unattainable)
        shown = "; ".join(comparison.unattainable[:_SHOWN])
        message = f"{count} region{'s' if count > 1 else ''} may differ, and no packet was found there: {shown}"
        yield finding(message, "packets that were not found", entry.hint)
    if comparison.untold:
        message = f"{comparison.untold} more regions differ and are not looked at: see to the other findings first"
        yield finding(message, "regions that are not told", "audit again when the other findings are gone")
    if comparison.contradictions:
        shown = "; ".join(comparison.contradictions[:_SHOWN])
        message = f"the proof and the evaluator disagree, which is an error of svcc: {shown}"
        yield finding(message, "contradictions", "report it, with the dump")
