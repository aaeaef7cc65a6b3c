"""``svcc allocate``: what it prints, writes and refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from svcc.manifest.load import load_text
from tests.cli.command import Outcome, svcc

SERVICE = """\
# The shop
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer # public
  ports:
  - port: 80
"""
POOL = """\
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: public, namespace: metallb-system}
spec: {addresses: [192.0.2.10-192.0.2.11]}
"""


def allocate(*arguments: str, stdin: str = f"{SERVICE}---\n{POOL}", cidr: str = "10.96.0.0/24") -> Outcome:
    """Run the command on what stands on standard input, unless `arguments` name files."""
    files = [] if "-f" in arguments else ["-f", "-"]
    return svcc("allocate", *files, "--service-cidr", cidr, *arguments, stdin=stdin)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A file with a Service and a pool."""
    path = tmp_path / "web.yaml"
    path.write_text(f"{SERVICE}---\n{POOL}")
    return path


def test_the_manifests_are_printed_with_what_was_given_and_everything_else_stays() -> None:
    outcome = allocate()
    assert outcome.code == 0
    assert outcome.told == ["6 fields of 1 Service filled in"]
    before, after = f"{SERVICE}---\n{POOL}".splitlines(), outcome.out.splitlines()
    assert [line for line in after if line in before] == before
    [service] = load_text(outcome.out).cluster.services
    assert [entry.ip for entry in service.load_balancer_ingress] == ["192.0.2.10"]
    assert service.cluster_ips[0].startswith("10.96.0.")
    assert service.ports[0].node_port in range(30000, 32768)


def test_its_own_output_is_not_changed() -> None:
    first = allocate().out
    second = allocate(stdin=first)
    assert second.out == first
    assert second.told == ["0 fields of 0 Services filled in"]


def test_files_are_written_in_place_and_keep_their_permissions(manifest: Path) -> None:
    printed = allocate("-f", str(manifest)).out
    manifest.chmod(0o640)
    link = manifest.with_name("link.yaml")
    link.symlink_to(manifest)
    outcome = allocate("-f", str(link), "--in-place", "-v")
    assert (outcome.code, outcome.out) == (0, "")
    assert f"wrote {link}" in outcome.told
    assert manifest.read_text() == printed
    assert manifest.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["link.yaml", "web.yaml"]


def test_a_file_in_which_nothing_changes_is_not_written(manifest: Path) -> None:
    allocate("-f", str(manifest), "--in-place")
    os.utime(manifest, (1, 1))
    assert allocate("-f", str(manifest), "--in-place").code == 0
    assert manifest.stat().st_mtime == 1


def test_a_file_that_would_lose_its_comments_is_not_written(manifest: Path) -> None:
    shared = (
        "# a list\napiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: &s {ports: [{port: 80}]}}\n"
        "- {apiVersion: v1, kind: Secret, metadata: {name: b}, spec: *s}\n"
    )
    manifest.write_text(shared)
    outcome = allocate("-f", str(manifest), "--in-place")
    assert outcome.code == 1
    assert f"error: {manifest} was not written: it would lose its comments" in outcome.told
    assert manifest.read_text() == shared
    printed = allocate("-f", str(manifest))
    assert printed.code == 0
    assert "rendered anew" in printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--in-place"], "--in-place cannot write to standard input"),
        (["-f", "x.yaml", "--in-place", "-o", "table"], "--in-place writes manifests, not -o table"),
        (["--update-reservation"], "--update-reservation needs --reservation FILE"),
        (["--pool", "x"], 'pool "x" is not NAME=CIDR or NAME=FIRST-LAST'),
        (["--pool", "x=y"], 'pool "x=y": must be a CIDR'),
        (["--pool", "public=10.0.0.0/8"], "there are two pools named public"),
        (["--service-node-port-range", "x"], "x"),
        (["--reservation", "/missing.json"], "cannot read /missing.json"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], words: str) -> None:
    outcome = allocate(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


def test_a_service_that_gets_nothing_is_told_and_the_others_are_served() -> None:
    third = "---\n".join(SERVICE.replace("web", name) for name in ("a", "b", "c"))
    outcome = allocate(stdin=f"{third}---\n{POOL}")
    assert outcome.code == 1
    [problem] = [line for line in outcome.told if "error" in line]
    assert "Service shop/c: status.loadBalancer.ingress: no available IPs: pool public has no IPv4 address" in problem
    given = [entry.ip for service in load_text(outcome.out).cluster.services for entry in service.load_balancer_ingress]
    assert given == ["192.0.2.10", "192.0.2.11"]


def test_pools_may_be_flags_and_lists() -> None:
    outcome = allocate("--pool", "x=203.0.113.5/32,203.0.113.9-203.0.113.9", "-o", "table", stdin=SERVICE)
    assert "status.loadBalancer.ingress   203.0.113.5" in outcome.out


def test_without_a_pool_it_is_said_that_there_is_none() -> None:
    assert "load balancers get no addresses: there is no IPAddressPool, and no --pool" in allocate(stdin=SERVICE).told


def test_the_class_of_load_balancers_is_a_choice() -> None:
    assert "status" not in allocate("--load-balancer-class", "example.com/x").out


def test_the_report_says_how_full_everything_is() -> None:
    outcome = allocate("--report", "-q")
    rows = [line.split() for line in outcome.told]
    assert rows[0] == ["RANGE", "BAND", "VALUES", "SIZE", "USED", "FREE", "FULL"]
    assert ["pool", "public", "(IPv4)", "192.0.2.10-192.0.2.11", "2", "1", "1", "50.0%"] in rows
    assert any(row[0] == "10.96.0.0/24" for row in rows)
    assert any(row[0] == "30000-32767" for row in rows)


def test_a_reservation_is_kept_and_written_back(tmp_path: Path) -> None:
    path = tmp_path / "reservation.json"
    first = allocate("--reservation", str(path), "--update-reservation")
    kept = json.loads(path.read_text())
    assert kept["loadBalancerIPs"] == {"192.0.2.10": ["shop/web"]}
    other = f"{SERVICE.replace('web', 'api')}---\n{POOL}"
    second = allocate("--reservation", str(path), "--update-reservation", stdin=other)
    assert "ip: 192.0.2.11" in second.out
    again = allocate("--reservation", str(path))
    assert again.out == first.out
    assert json.loads(path.read_text())["loadBalancerIPs"] == {"192.0.2.10": ["shop/web"], "192.0.2.11": ["shop/api"]}


def test_patches_are_for_the_object_and_for_its_status() -> None:
    document = json.loads(allocate("-o", "patch").out)
    assert (document["kind"], document["type"]) == ("PatchList", "json")
    assert [item["subresource"] for item in document["items"]] == [None, "status"]
    assert document["items"][1]["patch"] == [
        {"op": "add", "path": "/status", "value": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}}
    ]
    merge = json.loads(allocate("-o", "merge-patch").out)
    assert merge["items"][1]["patch"] == {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}}


def test_as_a_document_it_holds_assignments_problems_and_usage() -> None:
    document = json.loads(allocate("-o", "json", stdin=f"{SERVICE}---\n{POOL}---\n{SERVICE.replace('80', '0')}").out)
    assert document["kind"] == "Allocation"
    assert {item["path"] for item in document["assignments"]} >= {"spec.clusterIP", "status.loadBalancer.ingress"}
    assert [problem["line"] for problem in document["problems"]] == [22]
    assert [entry["range"] for entry in document["usage"]][-1] == "pool public (IPv4)"


def test_several_files_become_one_text_that_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE.rstrip())
    (tmp_path / "b.json").write_text('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}')
    (tmp_path / "c.yaml").write_text(f"---\n{POOL}")
    outcome = allocate("-f", str(tmp_path))
    again = load_text(outcome.out)
    assert again.problems == ()
    assert [entry.ip for entry in again.cluster.services[0].load_balancer_ingress] == ["192.0.2.10"]
    assert again.skipped == {"Secret": 1}
    assert len(again.address_pools) == 1


def test_files_of_yaml_in_braces_are_told_from_json_when_they_become_one_text(tmp_path: Path) -> None:
    service = "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {ports: [{port: 80}]},}"
    (tmp_path / "a.yaml").write_text(service % "a")
    (tmp_path / "b.yaml").write_text(service % "b")
    again = load_text(allocate("-f", str(tmp_path)).out)
    assert again.problems == ()
    assert [bool(each.cluster_ips) for each in again.cluster.services] == [True, True]


def test_json_and_json_become_one_text_without_a_marker(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}')
    outcome = allocate("-f", str(tmp_path))
    assert [json.loads(line)["kind"] for line in outcome.out.splitlines()] == ["Secret", "Secret"]


def test_a_namespace_is_where_objects_without_one_belong() -> None:
    text = SERVICE.replace(", namespace: shop", "")
    assert "shop        web" in allocate("-n", "shop", "-o", "table", stdin=text).out
    assert "clusterIP: 10.96.0." in allocate("-n", "shop", stdin=text).out
