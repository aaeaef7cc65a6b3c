"""``svcc resolve``: the table, the document, and when it says no."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import ROOT, Outcome, svcc

SHOP = ("-f", str(ROOT / "examples" / "shop"))


def resolved(*arguments: str) -> Outcome:
    return svcc("resolve", *SHOP, *arguments)


def test_the_table_shows_queries_in_order_and_then_the_answer() -> None:
    outcome = resolved("--from", "default", "web.shop")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "#   QUERY                                 TYPE   ANSWER     DATA\n"
        "1   web.shop.default.svc.cluster.local.   A      NXDOMAIN\n"
        "2   web.shop.default.svc.cluster.local.   AAAA   NXDOMAIN\n"
        "3   web.shop.svc.cluster.local.           A      NOERROR    10.96.0.10\n"
        "4   web.shop.svc.cluster.local.           AAAA   NOERROR    fd00:96::10\n"
        "\n"
        "web.shop from default: 10.96.0.10, fd00:96::10 (web.shop.svc.cluster.local., 4 queries)\n"
    )


LAST_LINES = [
    ("--from shop web", 0, "10.96.0.10, fd00:96::10 (web.shop.svc.cluster.local., 2 queries)"),
    ("--from shop --zone k8s.example web", 0, "10.96.0.10, fd00:96::10 (web.shop.svc.k8s.example., 2 queries)"),
    (
        "--from shop payments",
        0,
        "what pay.example.com. is outside the cluster (payments.shop.svc.cluster.local., 2 queries)",
    ),
    ("--from shop --type CNAME payments", 0, "pay.example.com. (payments.shop.svc.cluster.local., 1 query)"),
    ("--from shop --type ptr 10.96.0.20", 0, "cart.shop.svc.cluster.local. (20.0.96.10.in-addr.arpa., 1 query)"),
    (
        "--from shop --type srv _http._tcp.web",
        0,
        "0 100 80 web.shop.svc.cluster.local. (_http._tcp.web.shop.svc.cluster.local., 1 query)",
    ),
    ("--from shop 192.0.2.1", 0, "192.0.2.1, an address, for which nothing is asked"),
    ("--from shop example.com.", 1, "not answered in the cluster after 2 queries; example.com. is asked outside of it"),
]


@pytest.mark.parametrize(("arguments", "code", "result"), LAST_LINES, ids=[row[0] for row in LAST_LINES])
def test_the_last_line_says_what_came_of_it(arguments: str, code: int, result: str) -> None:
    words = arguments.split()
    outcome = resolved(*words)
    assert (outcome.code, outcome.err) == (code, "")
    assert outcome.out.splitlines()[-1] == f"{words[-1]} from shop: {result}"


def test_a_name_that_would_have_been_answered_is_suggested() -> None:
    outcome = resolved("--from", "default", "web")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (1, "hint: did you mean web.shop?")


def test_the_document_says_the_same() -> None:
    outcome = resolved("--from", "default", "--libc", "musl", "--search", "corp.example", "-o", "json", "web")
    assert outcome.code == 1
    found = json.loads(outcome.out)
    assert (found["apiVersion"], found["kind"], found["answered"]) == ("svcc/v1", "Resolution", False)
    assert found["resolver"] == {
        "libc": "musl",
        "dnsPolicy": "ClusterFirst",
        "search": ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"],
        "ndots": 5,
    }
    assert [query["answer"] for query in found["queries"]] == ["NXDOMAIN"] * 6 + ["FORWARDED"] * 4
    assert found["hints"] == ["did you mean web.shop?"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("web",), "Missing option '--from'"),
        (("--from", "Shop", "web"), "--from: 'Shop' cannot be the name of one"),
        (("--from", "shop", "--search", "a..b", "web"), "--search: 'a..b' is no domain name"),
        (("--from", "shop", "a b"), "'a b' is not a name that can be looked up"),
        (("--from", "shop", "--type", "MX", "web"), "'MX' is not one of"),
        (("--from", "shop", "--zone", "..", "web"), "--zone: '..' is no domain name"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], words: str) -> None:
    outcome = resolved(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
