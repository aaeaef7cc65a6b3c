"""``svcc explain``: text for people, a document for programs, and errors that help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.command import ROOT, Outcome, svcc
from tests.cli.hostile import mutated
from tests.cli.manifests import Manifest, endpoint_slice, node, service, text

SHOP = ("-f", str(ROOT / "examples" / "shop"), "--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32")
CLUSTER = text(
    service(type="NodePort", ports=[{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080}]),
    endpoint_slice(),
    node(),
)


def explained(*arguments: str, stdin: str = CLUSTER) -> Outcome:
    return svcc("explain", *arguments, stdin=stdin)


def document(*arguments: str, stdin: str = CLUSTER) -> dict[str, Any]:
    outcome = explained(*arguments, "-o", "json", stdin=stdin)
    assert (outcome.code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


@pytest.mark.parametrize("name", ["web", "cart", "reports", "database", "payments"])
def test_every_service_of_the_example_has_a_report_that_is_what_it_was(name: str, update_golden: bool) -> None:
    golden = Path(__file__).with_name("explanations") / f"{name}.txt"
    outcome = explained(f"svc/{name}", "-n", "shop", *SHOP)
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.out.replace(f"{ROOT}/", "")
    if update_golden:
        golden.write_text(found)
    assert found == golden.read_text()


def test_text_and_document_say_the_same_of_addresses_and_endpoints() -> None:
    told = explained("web", "-f", "-").out
    found = document("web", "-f", "-")
    assert (found["apiVersion"], found["kind"], found["served"]) == ("svcc/v1", "Explanation", True)
    (port,) = found["ports"]
    for exposure in port["exposures"]:
        assert f"{exposure['addresses'][0]}:{exposure['port']}" in told
        assert f"{exposure['routes'][0]['map']} > {exposure['routes'][0]['chain']}" in told
    for item in port["endpoints"]:
        assert f"{item['address']}:{item['port']}" in told
        assert f"{item['source']['file']}:{item['source']['line']}" in told


def test_an_endpoint_is_told_with_the_line_it_stands_on() -> None:
    (port,) = document("web", "-f", "-")["ports"]
    lines = [item["source"]["line"] for item in port["endpoints"]]
    written = CLUSTER.splitlines()
    for line, address in zip(lines, ("10.244.1.11", "10.244.2.11"), strict=True):
        assert address in "".join(written[line - 1 : line + 4])


def test_a_service_that_is_left_out_is_told_with_its_errors_and_exit_code_1() -> None:
    broken = text(service(ports=[{"name": "http", "port": 0}]), node())
    outcome = explained("web", "-f", "-", stdin=broken)
    assert outcome.code == 1
    assert "Service shop/web: left out of the ruleset" in outcome.out
    assert "spec.ports[0].port: Invalid value: 0" in outcome.out


def test_a_slice_that_is_left_out_for_its_errors_is_among_the_problems() -> None:
    slice_ = endpoint_slice()
    slice_["ports"] = [{"name": "http", "port": 99999}]
    outcome = explained("web", "-f", "-", stdin=text(service(), slice_, node()))
    assert outcome.code == 0
    assert "EndpointSlice shop/web-1: ports[0].port: Invalid value: 99999" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wbe", "-n", "shop", "-f", "-"], ['no Service "wbe" in namespace "shop"', "similar: web"]),
        (
            ["web", "-n", "other", "-f", "-"],
            ['no Service "web" in namespace "other"', "there is one in namespace shop"],
        ),
        (["pod/web/x", "-f", "-"], ['"pod/web/x" names no Service']),
        (["other/web", "-n", "shop", "-f", "-"], ["is in another namespace"]),
        (["web"], ["Missing option '-f'"]),
        (["-f", "-"], ["Missing argument 'SERVICE'"]),
        (["web", "-f", "-", "--node", "worker-9"], ['no node is named "worker-9"']),
    ],
)
def test_what_cannot_be_explained_is_an_error_with_exit_code_2(arguments: list[str], words: list[str]) -> None:
    outcome = explained(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    for word in words:
        assert word in outcome.err


def test_objects_without_a_namespace_are_in_the_one_that_is_asked_for() -> None:
    plain = service()
    del plain["metadata"]["namespace"]
    assert "Service tools/web" in explained("web", "-n", "tools", "-f", "-", stdin=text(plain, node())).out


def test_services_of_other_namespaces_still_own_their_frontends() -> None:
    older = service("older", "10.96.0.10")
    older["metadata"] |= {"namespace": "other", "creationTimestamp": "2020-01-01T00:00:00Z"}
    outcome = explained("web", "-n", "shop", "-f", "-", stdin=text(older, service(), endpoint_slice(), node()))
    assert "belongs to Service other/older" in outcome.out


def test_settings_count() -> None:
    assert "pods are not told from other clients" in explained("web", "-f", "-").out
    outcome = explained("web", "-f", "-", "--cluster-cidr", "10.244.0.0/16")
    assert "pods are 10.244.0.0/16" in outcome.out
    addresses = explained("web", "-f", "-", "--nodeport-addresses", "192.168.0.0/16").out
    assert "local addresses in 192.168.0.0/16, port 30080" in addresses
    assert ".svc.corp.example " in explained("web", "-f", "-", "--cluster-domain", "corp.example").out


def test_long_lists_are_cut_unless_everything_is_wanted() -> None:
    many = endpoint_slice("web", [f"10.244.1.{number}" for number in range(1, 31)])
    cluster = text(service(), many, node())
    short, long = (explained("web", "-f", "-", *flags, stdin=cluster).out for flags in ([], ["-v"]))
    assert "... and 20 used and 0 unused endpoints more (-v)" in short
    assert (short.count(":8080"), long.count(":8080")) == (10, 30)


def test_names_from_anybody_cannot_steer_the_terminal() -> None:
    slice_ = endpoint_slice()
    slice_["endpoints"][0]["zone"] = "zone\x1b[31m"
    outcome = explained("web", "-f", "-", stdin=text(service(), slice_, node()))
    assert "\x1b" not in outcome.out
    assert "zone\\u001b[31m" in outcome.out


@given(mutated(), st.sampled_from(["text", "json"]), st.sampled_from(["web", "svc/cart", "shop/web", "", "/", "\x1b"]))
@settings(max_examples=150)
def test_any_change_of_a_manifest_is_survived(items: list[Manifest], output: str, name: str) -> None:
    outcome = explained(name, "-f", "-", "-v", "-o", output, "--node", "worker-1", stdin=json.dumps(items))
    assert outcome.code in {0, 1, 2}, outcome.err
    assert "internal error" not in outcome.err
    assert all(line.isprintable() for line in (*outcome.told, *outcome.out.splitlines()))
    if outcome.code == 2:
        assert outcome.out == ""
    elif output == "json":
        json.loads(outcome.out)
