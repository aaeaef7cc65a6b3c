"""What a kernel holds, listed by each nft as text and as JSON, is audited: right is proved, broken is found."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.addresses import prefix_contains
from svcc.auditing.audit import audit, audit_dataplane
from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict, Witness
from svcc.cli import run
from svcc.compiler.compilation import compile_cluster
from svcc.fields import Severity
from svcc.manifest.load import load
from svcc.model.cluster import ClusterSettings
from svcc.model.service import Protocol
from svcc.trace.packet import Packet as TracedPacket
from tests import oracle
from tests.audit.cluster import CLUSTER, COMPILATION
from tests.declare import NODE, PODS
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.kernel.nft_versions import SYSTEM, Program
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.kernel.test_golden import CASES
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset, layout_of
from tests.kube_proxy.differences import as_kube_proxy_reads, differs_on_purpose
from tests.oracle import NodeFacts, decide
from tests.strategies.scenarios import Scenario, scenarios

pytestmark = pytest.mark.kernel

K = FindingKind
SHOP = Path(__file__).parents[2] / "examples" / "shop"
FORMS = {"text": (), "handles": ("-a",), "json": ("-j",)}
each_form = pytest.mark.parametrize("form", FORMS)
each_layout = pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)


@pytest.fixture(scope="module")
def reused() -> Iterator[NetworkNamespace]:
    """A namespace for many rulesets, one after the other."""
    made = NetworkNamespace()
    yield made
    made.close()


def dumped(namespace: NetworkNamespace, script: str, nft: Program = SYSTEM, form: str = "json") -> str:
    """What nft lists of a script that it loaded into a namespace in which nothing is."""
    for arguments, text in (
        (("flush", "ruleset"), None),
        (("-f", "-"), script),
        ((*FORMS[form], "list", "ruleset"), ""),
    ):
        result = namespace.run(*nft.command, *arguments, text=text)
        assert result.returncode == 0, result.stderr
    return result.stdout


def wrong(report: AuditReport) -> list[Finding]:
    """The findings that are worse than information."""
    return [each for each in report.findings if each.severity is not Severity.INFO]


@each_form
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_golden_rulesets_are_proved_by_the_command(
    namespace: NetworkNamespace,
    nft: Program,
    form: str,
    case: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dump = tmp_path / "dump"
    dump.write_text(dumped(namespace, (case / "ruleset.nft").read_text(), nft, form))
    monkeypatch.chdir(case)
    arguments = shlex.split(Path("arguments").read_text())
    code = run(["audit", "-q", str(dump), "-f", "manifest.yaml", *arguments])
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "proved" in printed.lower()


@each_form
@pytest.mark.parametrize("node", ["worker-1", "worker-2"])
def test_the_shop_of_the_examples_is_proved(namespace: NetworkNamespace, nft: Program, form: str, node: str) -> None:
    shop = load([str(SHOP)])
    given_settings = ClusterSettings(cluster_cidrs=["10.244.0.0/16", "fd00:244::/32"])
    script = compile_cluster(shop.cluster, node=node, settings=given_settings).script
    report = audit(dumped(namespace, script, nft, form), shop, node=node, settings=given_settings)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


@each_form
def test_clients_that_are_remembered_do_not_matter(node: Node, nft: Program, form: str) -> None:
    node.load(COMPILATION.script, nft)
    clients = [f"203.0.113.{number}" for number in range(1, 9)]
    outcomes = node.send_many(
        Packet(protocol="TCP", source=client, destination="10.96.0.12", destination_port=80) for client in clients
    )
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    dump = node.nft(*FORMS[form], "list", "ruleset", nft=nft)
    assert len(re.findall(r'"?expires"?', dump)) >= len(clients)
    report = audit(dump, CLUSTER, node=NODE.name, settings=PODS)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def test_random_clusters_are_proved(reused: NetworkNamespace, nft: Program) -> None:
    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(scenario=scenarios(), form=st.sampled_from(sorted(FORMS)))
    def is_proved(scenario: Scenario, form: str) -> None:
        compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
        note(compilation.script)
        report = audit_dataplane(dumped(reused, compilation.script, nft, form), compilation.dataplane, scenario.cluster)
        assert [each for each in wrong(report) if not is_at_a_cluster_ip_of_the_node(each, scenario)] == []
        assert report.verdict in {Verdict.PROVED, Verdict.FINDINGS}
        counts[report.verdict] += 1

    counts: Counter[Verdict] = Counter()
    is_proved()
    assert counts[Verdict.PROVED] > counts[Verdict.FINDINGS]


def is_at_a_cluster_ip_of_the_node(finding: Finding, scenario: Scenario) -> bool:
    """Whether a client is masqueraded at a node port of a cluster IP, which is the node's own by mistake.

    The rules masquerade by the address there, whatever the node port's policy says.
    """
    witness = finding.witness
    return (
        finding.kind is K.MASQUERADE_WRONG
        and witness is not None
        and witness.packet.destination in scenario.facts.local_addresses
        and any(witness.packet.destination in service.cluster_ips for service in scenario.cluster.services)
    )


# kube-proxy


@each_layout
@each_form
@pytest.mark.parametrize("leftovers", [0, 2])
def test_the_rules_of_kube_proxy_are_right(
    namespace: NetworkNamespace, nft: Program, layout: str, form: str, leftovers: int
) -> None:
    script = kube_proxy_ruleset(CLUSTER, NODE.name, PODS, layout, leftovers=leftovers)
    report = audit(dumped(namespace, script, nft, form), CLUSTER, node=NODE.name, settings=PODS)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED
    assert {each.kind for each in report.findings} & {K.MASQUERADE_WRONG} == on_purpose(layout)
    told = [each for each in report.findings if "leftover-" in each.message]
    assert {(each.kind, each.severity) for each in told} == ({(K.CHAIN_DEAD, Severity.INFO)} if leftovers else set())


def on_purpose(layout: str) -> set[FindingKind]:
    """What right rules are known for: the hairpin test of all endpoints, wherever they are (difference 4)."""
    return {K.MASQUERADE_WRONG} if layout_of(layout).chain_per_endpoint else set()


class Breakage(NamedTuple):
    """A way to break kube-proxy's rules, whatever their layout: a pattern, its replacement, and what is found."""

    pattern: str
    replacement: str
    kinds: frozenset[FindingKind]


def breakage(pattern: str, replacement: str, *kinds: FindingKind) -> Breakage:
    return Breakage(pattern, replacement, frozenset(kinds))


BREAKAGES = {
    "an endpoint without a slot": breakage(
        r"numgen random mod 2 (v?map) \{ 0 : ([^,]*10\.244\.1\.5[^,]*), 1 : [^}]*10\.244\.2\.5[^}]* \}",
        r"numgen random mod 1 \1 { 0 : \2 }",
        K.ENDPOINT_MISSING,
    ),
    "another port": breakage(r"10\.244\.2\.5( \. |:)8080", r"10.244.2.5\g<1>9090", K.WRONG_PORT),
    "an endpoint of yesterday": breakage(
        r"10\.244\.2\.5( \. |:)8080", r"10.244.2.99\g<1>8080", K.ENDPOINT_MISSING, K.ENDPOINT_STALE
    ),
    "a masquerade mark that is lost": breakage(
        r"\t\t(jump mark-for-masquerade|mark set mark or 0x4000)\n(\t\tgoto service-\S+-default/web/)",
        r"\2",
        K.MASQUERADE_MISSING,
    ),
    "a frontend that is not served": breakage(
        r"10\.96\.0\.10 \. tcp \. 80 : goto \S+?(, | \})", r"10.96.0.77 . tcp . 443 : drop\1", K.SERVICE_MISSING
    ),
    "a Service of yesterday": breakage(
        r"10\.96\.0\.10 \. tcp \. 80 : (goto \S+?)(, | \})",
        r"10.96.0.10 . tcp . 80 : \1, 10.96.0.77 . tcp . 80 : \1\2",
        K.SERVICE_STALE,
    ),
    "a source range too wide": breakage(
        r"saddr != \{ 203\.0\.113\.0/24 \} drop",
        "saddr != { 203.0.113.0/24, 192.0.2.0/24 } drop",
        K.SOURCE_RANGE_BYPASSED,
    ),
    "ports that are not rejected": breakage(r"\t\tip daddr @cluster-ips reject .*\n", "", K.NOT_REJECTED),
    "endpoints that are forgotten": breakage(r"\t\tupdate @affinity-.*\n", "", K.AFFINITY_LOST),
    "node ports on all addresses": breakage(
        r"ip daddr @nodeport-ips (.* @service-nodeports)",
        r"fib daddr type local \1",
        K.NODE_PORT_BEYOND_ADDRESSES,
        K.NODE_PORT_EXPOSED,  # at loopback
    ),
}
SHAPE = frozenset({K.CHAIN_DEAD, K.RULE_SHADOWED, K.RULE_UNREACHABLE, K.MAP_ELEMENT_DANGLING})


@each_layout
@pytest.mark.parametrize("case", BREAKAGES)
def test_broken_rules_of_kube_proxy_are_found(namespace: NetworkNamespace, layout: str, case: str) -> None:
    pattern, replacement, kinds = BREAKAGES[case]
    script = kube_proxy_ruleset(CLUSTER, NODE.name, PODS, layout)
    broken, count = re.subn(pattern, replacement, script)
    assert count
    report = audit(dumped(namespace, broken, form="text"), CLUSTER, node=NODE.name, settings=PODS)
    found = {each.kind for each in wrong(report)} - SHAPE
    if layout_of(layout).chain_per_endpoint and K.ENDPOINT_MISSING in kinds:
        # The chain of the endpoint is still there, and named after it.
        kinds = kinds - {K.ENDPOINT_MISSING} | {K.ENDPOINT_NEVER_CHOSEN}
    assert found == kinds
    assert report.verdict is Verdict.FINDINGS
    if case != "node ports on all addresses":
        assert all(
            each.service_port is not None or each.kind in {K.SERVICE_STALE, K.NOT_REJECTED}
            for each in wrong(report)
            if each.kind in kinds
        )


@each_layout
def test_random_clusters_in_the_shape_of_kube_proxy_differ_on_purpose_only(
    reused: NetworkNamespace, layout: str
) -> None:
    counts = {"proved": 0, "on purpose": 0}

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(drawn=scenarios())
    def differs(drawn: Scenario) -> None:
        scenario = as_kube_proxy_reads(drawn)
        script = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=1)
        note(script)
        dataplane = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings).dataplane
        report = audit_dataplane(dumped(reused, script, form="text"), dataplane, scenario.cluster)
        for finding in wrong(report):
            told = (finding.kind, finding.subject, finding.message, finding.witness and finding.witness.packet)
            assert is_on_purpose(finding, scenario, layout), told
            counts["on purpose"] += 1
        counts["proved"] += report.verdict is Verdict.PROVED

    differs()
    assert counts["proved"], counts


def is_on_purpose(finding: Finding, scenario: Scenario, layout: str) -> bool:
    """Whether a finding's packet meets one of the differences that `tests.kube_proxy` lists."""
    if finding.witness is None:
        return False
    if finding.kind is K.NOT_DECIDABLE and is_node_port_elsewhere(finding.witness, scenario):
        return True
    packet = as_the_model_reads(finding.witness.packet)
    facts = NodeFacts(frozenset({*scenario.facts.local_addresses, *finding.witness.local_addresses}))
    expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, facts)
    return differs_on_purpose(scenario, packet, expected, layout)


def is_node_port_elsewhere(witness: Witness, scenario: Scenario) -> bool:
    """Whether a node port is asked at an address in the node's prefixes that it is not known to have.

    kube-proxy lists the addresses that it finds when it starts; where they are not the node's, nothing is served.
    """
    packet, prefixes = witness.packet, scenario.settings.nodeport_addresses
    ports = {(port.protocol, port.node_port) for service in scenario.cluster.services for port in service.ports}
    return (
        packet.destination in witness.local_addresses
        and (packet.protocol, packet.destination_port) in ports
        and (not prefixes or any(prefix_contains(prefix, packet.destination) for prefix in prefixes))
    )


def as_the_model_reads(packet: TracedPacket) -> oracle.Packet:
    assert isinstance(packet.protocol, Protocol)
    assert packet.source_port is not None
    assert packet.destination_port is not None
    return oracle.Packet(
        packet.protocol.value,
        packet.source,
        packet.source_port,
        packet.destination,
        packet.destination_port,
        packet.hook,
        packet.input_interface,
    )


MADE_BY_OTHERS = """table inet firewall {
	set blocked { type ipv4_addr; elements = { 10.244.2.5 }; }
	chain forward {
		type filter hook forward priority 5; policy accept;
		ip daddr 10.244.1.5 tcp dport 8080 limit rate over 5/second burst 10 packets drop
		ip daddr @blocked reject
		ct state new ip daddr { 10.244.1.20, 10.244.2.20 } tcp dport 8080 counter drop
		ip daddr 10.244.2.6 quota over 100 mbytes drop
	}
	chain prerouting {
		type nat hook prerouting priority -110; policy accept;
		ip daddr 10.96.0.10 tcp dport 80 dnat ip to 10.9.9.9:80
		tcp dport 30020 redirect to :99
	}
	chain postrouting {
		type nat hook postrouting priority 90; policy accept;
		ip saddr 10.244.0.0/16 oifname != "cni*" masquerade random
	}
}
"""


def test_a_baseline_of_one_form_of_a_dump_holds_for_all(namespace: NetworkNamespace, nft: Program) -> None:
    reports = [
        audit(dumped(namespace, COMPILATION.script + MADE_BY_OTHERS, nft, form), CLUSTER, node=NODE.name, settings=PODS)
        for form in FORMS
    ]
    first, *others = [{each.fingerprint for each in report.findings} for report in reports]
    assert len(first) == 8
    assert others == [first, first]
