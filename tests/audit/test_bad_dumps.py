"""Dumps that are no whole ruleset: a clear answer, never a traceback, and never a proof of what is not there."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, FindingKind, Verdict
from svcc.cli import run
from svcc.errors import InputError
from svcc.model.cluster import Cluster
from svcc.trace.evaluator import Evaluator
from svcc.trace.notation import packet_from_text
from tests.audit.cluster import CLUSTER, SCRIPT
from tests.audit.test_foreign_tables import FIREWALLS, listed
from tests.declare import NODE, PODS, SERVICE_CIDRS, compiled, local, service, slices

K = FindingKind
DATA = Path(__file__).parents[1] / "data"
SMALL = Cluster.of([NODE, SERVICE_CIDRS, service("web", ["10.96.0.10"]), *slices("web", [local("10.244.1.5")])])
SMALL_TEXT = compiled(SMALL.services, SMALL.endpoint_slices).script
MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{name: http, port: 80, protocol: TCP}]}
"""


def audited(dump: str | bytes) -> AuditReport | None:
    """The audit of a dump where one Service is declared; None of a dump that cannot be read."""
    try:
        return audit(dump, SMALL, node=NODE.name, settings=PODS)
    except InputError:
        return None


def is_proved(dump: str | bytes) -> bool:
    report = audited(dump)
    return report is not None and report.verdict is Verdict.PROVED


@pytest.mark.parametrize("start", range(7))
def test_text_that_is_cut_off_anywhere_is_never_proved(start: int) -> None:
    whole = SMALL_TEXT.rstrip()
    assert is_proved(whole)
    tables = whole.index("table ip6 svcc {")
    for end in range(start, len(whole), 49):
        # Without the second family's table nothing is missing: the Service has one family.
        if not tables <= end <= tables + 2:
            assert not is_proved(whole[:end]), whole[max(0, end - 80) : end]


@pytest.mark.parametrize("start", range(5))
def test_json_that_is_cut_off_anywhere_cannot_be_read(start: int) -> None:
    whole = (DATA / "dumps" / "services-1.1.7.json").read_text().rstrip()
    assert audited(whole) is not None
    for end in range(start + 1, len(whole), 45):
        assert audited(whole[:end]) is None, whole[max(0, end - 80) : end]


@pytest.mark.parametrize("kind", ["rule", "chain", "map", "set", "element", "table"])
def test_json_that_lacks_an_object_gives_an_answer(kind: str) -> None:
    objects = json.loads((DATA / "kube-proxy" / "1.36" / "1.1.7.json").read_text())["nftables"]
    chosen = [place for place, each in enumerate(objects) if kind in each]
    for place in chosen[:: max(1, len(chosen) // 10)]:
        audited(json.dumps({"nftables": objects[:place] + objects[place + 1 :]}))


LINES = SMALL_TEXT.splitlines(keepends=True)


@settings(max_examples=60)
@given(place=st.integers(0, len(LINES) - 1), count=st.integers(1, 20))
def test_text_that_lacks_lines_is_proved_only_if_it_does_the_same(place: int, count: int) -> None:
    rest = "".join(LINES[:place] + LINES[place + count :])
    report = audited(rest)
    if report is not None and report.verdict is Verdict.PROVED:
        assert served(rest) == served(SMALL_TEXT)


def served(text: str) -> set[tuple[object, ...]]:
    """What becomes of packets to the Service from everywhere, beside its port, and to an address without Service."""
    evaluator = Evaluator(text, local_addresses=["192.168.0.10", "fd00:1::10"])
    return {
        (source, target, outcome.verdict, outcome.address, outcome.port, outcome.masquerade)
        for source in ("203.0.113.5", "10.244.3.9", "10.244.1.5")
        for target in ("10.96.0.10:80", "10.96.0.10:81", "10.96.0.99:80", "198.51.100.9:80")
        for outcome in evaluator.evaluate(packet_from_text(f"tcp {source} > {target}"), steps=False).outcomes
    }


@settings(max_examples=150)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_ruleset_that_serves(data: bytes) -> None:
    assert not is_proved(data)


@settings(max_examples=80)
@given(place=st.integers(0, len(SMALL_TEXT) - 1), inserted=st.binary(min_size=1, max_size=4))
def test_bytes_within_a_ruleset_are_no_crash(place: int, inserted: bytes) -> None:
    whole = SMALL_TEXT.encode()
    audited(whole[:place] + inserted + whole[place:])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["table", "chain", "rule", "map", "set", "expr", "family", "name", "elem", "metainfo"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(JSON_VALUES)
def test_json_of_any_shape_is_no_ruleset_that_serves(value: object) -> None:
    assert not is_proved(json.dumps(value))
    assert not is_proved(json.dumps({"nftables": value}))
    assert not is_proved(json.dumps({"nftables": [value]}))


NO_RULESETS = {
    "nothing": b"",
    "space": b" \n\t\n",
    "zeros": bytes(1000),
    "noise": random.Random(1).randbytes(5000),
    "a program": Path("/bin/sh").read_bytes()[:20000],
    "UTF-16": SMALL_TEXT.encode("utf-16"),
    "a manifest": MANIFEST.encode(),
    "HTML": b"<html><body>table ip svcc { }</body></html>",
    "an error of nft": b"Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed\n",
    "iptables-save": b"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j KUBE-SERVICES\nCOMMIT\n",
    "an open brace": b"{",
    "many open brackets": b"[" * 200_000,
    "many open objects": b'{"nftables":' * 100_000,
    "deep JSON": b'{"nftables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep text": b"table ip t { chain c { ip daddr " + b"{ " * 100_000 + b"} " * 100_000 + b"} }",
    "deep parentheses": b"table ip t { chain c { meta mark " + b"(" * 100_000 + b"1" + b")" * 100_000 + b" accept } }",
    "two documents": b'{"nftables": []}{"nftables": []}',
    "a list": b"[]",
    "a number": b"42",
    "no nftables": b'{"iptables": []}',
    "huge number": b'{"nftables": [{"table": {"family": "ip", "name": "t", "handle": 1' + b"0" * 10_000 + b"}}]}",
}


@pytest.mark.parametrize("case", NO_RULESETS)
def test_what_is_no_ruleset_is_never_proved(case: str) -> None:
    assert not is_proved(NO_RULESETS[case])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("case", NO_RULESETS)
def test_the_command_tells_what_it_cannot_read_and_has_no_traceback(
    case: str, packed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, manifest = tmp_path / "dump", tmp_path / "web.yaml"
    data = NO_RULESETS[case]
    dump.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    manifest.write_text(MANIFEST)
    code = run(["audit", "-q", str(dump), "-f", str(manifest), "--node", "n", "--cluster-cidr", "10.244.0.0/16"])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert code in {1, 2, 5}
    if code == 2:
        assert str(dump) in printed.err
        assert printed.out == ""
        assert len(printed.err) < 2000


@pytest.mark.parametrize("cut", [10, 100, -1])
def test_the_command_refuses_a_packed_dump_that_is_cut_off(
    cut: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, manifest = tmp_path / "dump.gz", tmp_path / "web.yaml"
    dump.write_bytes(gzip.compress(SMALL_TEXT.encode(), mtime=0)[:cut])
    manifest.write_text(MANIFEST)
    assert run(["audit", str(dump), "-f", str(manifest), "--node", "n"]) == 2
    assert "cut off" in capsys.readouterr().err


def test_a_dump_of_nothing_but_metadata_serves_nothing() -> None:
    report = audited('{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}')
    assert report is not None
    assert [each.kind for each in report.findings if each.kind is K.SERVICE_MISSING] == [K.SERVICE_MISSING]


@pytest.mark.parametrize("version", ["9.9.9", "", "0.9.8", 12, None, {"a": 1}])
def test_a_dump_of_another_nft_is_read_by_what_is_in_it(version: object) -> None:
    document = json.loads((DATA / "kube-proxy" / "1.36" / "1.1.7.json").read_text())
    document["nftables"][0]["metainfo"].update(version=version, json_schema_version=77)
    report = audited(json.dumps(document))
    assert report is None or report.verdict is Verdict.FINDINGS


@pytest.mark.parametrize("file", FIREWALLS)
def test_tables_of_others_alone_serve_nothing(file: str) -> None:
    for name, table in listed(file).items():
        report = audited(table)
        assert report is not None, name
        assert report.verdict is not Verdict.PROVED, name
        assert {each.kind for each in report.findings} & {K.SERVICE_MISSING, K.NOT_DECIDABLE, K.FOREIGN_DROP}, name


@pytest.mark.timeout(120)
def test_hundreds_of_tables_of_others_hide_nothing() -> None:
    table = "table ip other-{0} {{ chain c {{ type filter hook forward priority {0}; ip daddr 192.0.2.{1} drop; }} }}\n"
    many = "".join(table.format(number, number % 250) for number in range(1, 400))
    assert is_proved(SMALL_TEXT + many)
    assert not is_proved(SMALL_TEXT.replace("10.244.1.5", "10.244.1.6") + many)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("depth", [10, 1000, 20_000])
def test_chains_that_jump_without_end_are_never_proved(depth: int) -> None:
    """The kernel takes 16 jumps; a dump that has more is none of a kernel's."""
    chains = "".join(f"chain c{number} {{ jump c{number + 1}; }}\n" for number in range(depth))
    hook = "chain in { type filter hook prerouting priority -300; jump c0; }\n"
    table = f"table ip deep {{ {chains} chain c{depth} {{ drop; }}\n {hook} }}\n"
    assert not is_proved(SMALL_TEXT + table)
    loop = "table ip loop { chain a { jump b; }\n chain b { jump a; }\n" + hook.replace("c0", "a") + "}\n"
    assert not is_proved(SMALL_TEXT + loop)


def test_the_dump_of_another_node_is_not_proved() -> None:
    other = SCRIPT.replace("192.168.0.10", "192.168.0.11")
    assert other != SCRIPT
    report = audit(other, CLUSTER, node=NODE.name, settings=PODS)
    assert report.verdict is Verdict.FINDINGS
