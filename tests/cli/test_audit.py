"""``svcc audit``: options, exit codes, baselines, and where dumps come from."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.command import ROOT, Outcome, svcc
from tests.cli.manifests import node, text

SHOP = str(ROOT / "examples" / "shop")
SETTINGS = ("--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32")
CART = "10.96.0.20 . 80 . 1 : 10.244.2.21 . 8080"


@pytest.fixture(scope="module")
def good() -> str:
    """The ruleset of a node of the shop."""
    return svcc("compile", "-f", SHOP, *SETTINGS).out


@pytest.fixture(scope="module")
def stale(good: str) -> str:
    """The same with an endpoint of yesterday."""
    assert CART in good
    return good.replace(CART, CART.replace("10.244.2.21", "10.244.2.99"))


def audit(text: str | bytes, *options: str, dump: str = "-") -> Outcome:
    return svcc("audit", dump, "-f", SHOP, *SETTINGS, "-q", *options, stdin=text)


def test_a_good_ruleset_is_proved_and_exits_with_0(good: str) -> None:
    found = audit(good)
    assert (found.code, found.err) == (0, "")
    assert found.out


def test_a_bad_ruleset_exits_with_1_and_names_packet_rule_and_line(stale: str) -> None:
    found = audit(stale)
    assert found.code == 1
    for words in ("10.244.2.99:8080", "shop/cart:http", "cart.yaml", "sticky-shop/cart/tcp/http"):
        assert words in found.out


def test_packed_dumps_are_read(good: str, tmp_path: Path) -> None:
    path = tmp_path / "node.nft.gz"
    path.write_bytes(gzip.compress(good.encode(), mtime=0))
    assert audit("", dump=str(path)).code == 0
    assert audit(gzip.compress(good.encode(), mtime=0)).code == 0


@pytest.mark.parametrize("form", ["table", "json", "sarif", "junit", "github", "html"])
def test_every_format_tells_of_the_finding(stale: str, form: str) -> None:
    found = audit(stale, "-o", form)
    assert found.code == 1
    assert "10.244.2.99:8080" in found.out


def test_what_shall_not_fail_does_not(good: str, stale: str) -> None:
    assert audit(stale, "--fail-on", "error").code == 1
    assert audit(good, "--fail-on", "info").code == 1


def test_rules_that_no_packet_meets_are_told_on_request(good: str) -> None:
    unmet = "table ip filter { chain forward { type filter hook forward priority 5; tcp dport 1 udp dport 2 drop; } }\n"
    assert "rule-unreachable" not in audit(good + unmet, "-o", "json").out
    found = audit(good + unmet, "--unreachable", "-o", "json")
    assert (found.code, "rule-unreachable" in found.out) == (0, True)


def test_what_cannot_be_decided_exits_with_5(good: str) -> None:
    chain = "chain FORWARD { type filter hook forward priority 0; ip daddr 10.244.2.21 limit rate 5/second drop; }"
    assert audit(f"{good}table ip filter {{ {chain} }}\n").code == 5


@pytest.mark.parametrize(
    "text", ["", " \n", "hello", '{"nftables": [', "table ip t {", gzip.compress(b"x" * 99, mtime=0)[:-4]]
)
def test_a_dump_that_is_cut_off_garbage_or_empty_exits_with_2(text: str | bytes) -> None:
    found = audit(text)
    assert (found.code, found.out) == (2, "")
    assert found.told[0].startswith("error: <stdin>: ")


def test_a_dump_that_does_not_exist_exits_with_2() -> None:
    found = audit("", dump="/nowhere/node.json")
    assert (found.code, found.told) == (2, ["error: /nowhere/node.json: No such file or directory"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-f", SHOP), "give a DUMP, or --live"),
        (("d.json", "--live", "-f", SHOP), "give a DUMP, or --live"),
        (("d.json",), "give manifests (-f), or a dump to compare with (--against)"),
        (("d.json", "-f", SHOP, "--against", "e.json"), "exclude each other"),
        (("-", "-f", "-"), "can be read only once"),
        (("-", "--against", "-"), "can be read only once"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], said: str) -> None:
    found = svcc("audit", *arguments)
    assert found.code == 2
    assert said in found.err


def test_a_baseline_is_written_and_accepts_what_was_found(stale: str, tmp_path: Path) -> None:
    path = str(tmp_path / "baseline.yaml")
    assert audit(stale, "--write-baseline", path).code == 0
    assert "endpoint-stale" in Path(path).read_text()
    accepted = audit(stale, "--baseline", path)
    assert accepted.code == 0
    assert "10.244.2.99:8080" not in accepted.out
    assert "10.244.2.99:8080" in audit(stale, "--baseline", path, "--show-suppressed").out


def test_reasons_that_nobody_has_filled_in_are_told_until_somebody_does(stale: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.yaml"
    options = ("audit", "-", "-f", SHOP, *SETTINGS)
    written = svcc(*options, "--write-baseline", str(path), stdin=stale)
    assert written.told == [f"{path}: written, and accepts 2 findings; 2 without a reason yet, where it says TODO"]
    lacking = svcc(*options, "--baseline", str(path), stdin=stale)
    assert (lacking.code, lacking.told) == (0, [f"{path}: 2 of 2 entries give no reason yet"])
    path.write_text(path.read_text().replace("TODO: why is this accepted?", "the pod is being moved"))
    again = svcc(*options, "--baseline", str(path), "--write-baseline", str(path), stdin=stale)
    assert again.told == [f"{path}: written, and accepts 2 findings"]
    assert "the pod is being moved" in path.read_text()


def test_what_is_new_fails_in_spite_of_a_baseline(stale: str, tmp_path: Path) -> None:
    path = str(tmp_path / "baseline.yaml")
    audit(stale, "--write-baseline", path)
    assert audit(stale.replace("10.96.0.20 . 80 . 0 :", "10.96.0.20 . 80 . 7 :"), "--baseline", path).code == 1


def test_entries_of_a_baseline_that_match_nothing_are_told(good: str, stale: str, tmp_path: Path) -> None:
    path = str(tmp_path / "baseline.yaml")
    audit(stale, "--write-baseline", path)
    found = audit(good, "--baseline", path)
    assert found.code == 0
    assert "endpoint-stale" in found.out


def test_an_expired_entry_fails_and_says_so(stale: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.yaml"
    audit(stale, "--write-baseline", str(path))
    path.write_text(path.read_text().replace("  reason:", "  expires: 2020-01-01\n  reason:"))
    found = audit(stale, "--baseline", str(path))
    assert found.code == 1
    assert "2020-01-01" in found.out


def test_a_baseline_that_is_none_exits_with_2(good: str, tmp_path: Path) -> None:
    path = tmp_path / "baseline.yaml"
    path.write_bytes(b"\xff")
    assert audit(good, "--baseline", str(path)).told == [f"error: {path}: it is not UTF-8"]
    path.write_text("kind: Service\n")
    assert audit(good, "--baseline", str(path)).code == 2


def test_two_dumps_are_compared(good: str, stale: str, tmp_path: Path) -> None:
    path = tmp_path / "before.nft"
    path.write_text(good)
    assert svcc("audit", "-", "--against", str(path), stdin=good).code == 0
    found = svcc("audit", "-", "--against", str(path), stdin=stale)
    assert found.code == 1
    assert "10.244.2.99:8080" in found.out


def test_of_two_dumps_the_one_that_cannot_be_read_is_named(good: str, tmp_path: Path) -> None:
    path = tmp_path / "before.nft"
    path.write_text("garbage")
    found = svcc("audit", "-", "--against", str(path), stdin=good)
    assert found.code == 2
    assert found.told[0].startswith(f"error: {path}: the dump cannot be read: ")


def test_the_machines_own_rules_need_nft(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = svcc("audit", "--live", "-f", SHOP, *SETTINGS)
    assert (found.code, found.told[0]) == (3, "error: nft is not installed")


def test_the_machines_own_rules_are_audited(good: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nft"
    (tmp_path / "listing").write_text(good)
    program.write_text(f"#!/bin/sh\n/bin/cat {tmp_path}/listing\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert svcc("audit", "--live", "-f", SHOP, *SETTINGS, "-q").code == 0


def test_the_help_tells_the_exit_codes() -> None:
    assert "5  nothing wrong was found" in svcc("audit", "--help").out


def test_manifests_without_a_service_are_warned_about(good: str, tmp_path: Path) -> None:
    only_node = tmp_path / "node.json"
    only_node.write_text(text(node("worker-1")))
    found = svcc("audit", "-", "-f", str(only_node), "--node", "worker-1", stdin=good)
    assert found.code == 1
    assert "warning: the manifests hold no Service" in found.err
    assert "hold no Service" not in svcc("audit", "-", "-f", SHOP, *SETTINGS, stdin=good).err


@pytest.mark.parametrize(
    "manifests", ["", "# nothing\n", '{"nftables": []}', text({"kind": "Pod", "apiVersion": "v1"})]
)
def test_a_node_is_neither_blamed_nor_proved_right_by_manifests_that_declare_nothing(
    good: str, tmp_path: Path, manifests: str
) -> None:
    (tmp_path / "cluster.yaml").write_text(manifests)
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "worker-1.nft").write_text(good)
    for dump in ("-", str(tmp_path / "dumps")):
        one = ("--node", "worker-1") if dump == "-" else ()
        found = svcc("audit", dump, "-f", str(tmp_path / "cluster.yaml"), "-q", *one, stdin=good)
        assert (found.code, found.out) == (2, "")
        assert "error: nothing is declared, so nothing was audited" in found.told
        assert found.told[-1].startswith("hint: if the node")


@pytest.mark.parametrize("rest", ['{"apiVersion": "v1", "kind": "List", "items": [{', "\xff\xfe"])
def test_a_node_is_not_proved_right_by_manifests_of_which_a_part_could_not_be_read(
    good: str, tmp_path: Path, rest: str
) -> None:
    (tmp_path / "rest.json").write_bytes(rest.encode("latin-1"))
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "worker-1.nft").write_text(good)
    more = ("-f", SHOP, "-f", str(tmp_path / "rest.json"), "-q")
    for found in (
        svcc("audit", "-", *more, *SETTINGS, stdin=good),
        svcc("audit", str(tmp_path / "dumps"), *more),
    ):
        assert (found.code, found.out) == (2, "")
        assert "rest.json declares could not be read, so nothing was audited" in found.err
