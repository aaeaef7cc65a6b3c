"""``svcc trace``: packets in, outcomes out, for people, programs and assertions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import PROGRAM, ROOT, Outcome, svcc
from tests.cli.manifests import endpoint_slice, node, service, text

SHOP = ("-f", str(ROOT / "examples" / "shop"), "--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32")
CART = "tcp 10.244.1.9 > 10.96.0.20:80"
ENDPOINTS = ["10.244.1.21", "10.244.2.21", "10.244.2.22"]
LINE = {"protocol": "TCP", "source": "10.244.1.9", "destination": "10.96.0.20", "destination_port": 80}


def traced(*arguments: str, stdin: str = "") -> Outcome:
    return svcc("trace", *arguments, stdin=stdin)


def documents(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def document(*arguments: str, stdin: str = "") -> dict[str, Any]:
    outcome = traced(*arguments, "-o", "json", stdin=stdin)
    assert (outcome.code, outcome.err) == (0, "")
    (found,) = documents(outcome)
    return found


def lines(*changes: dict[str, Any]) -> str:
    return "".join(json.dumps({**LINE, **change}) + "\n" for change in changes)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's ruleset as text, in a file."""
    path = tmp_path_factory.mktemp("dump") / "ruleset.nft"
    path.write_text(svcc("compile", *SHOP).out)
    return path


def test_people_are_told_outcomes_chances_and_the_way_with_the_lines_of_the_manifests() -> None:
    outcome = traced(*SHOP, CART)
    assert (outcome.code, outcome.err) == (0, "")
    told = outcome.out.replace(f"{ROOT}/", "")
    assert told.startswith("tcp 10.244.1.9 > 10.96.0.20:80, arriving at the node\n")
    assert "examples/shop/cart.yaml:10  Service shop/cart, port http, cluster ip" in told
    for address, line in zip(ENDPOINTS, (27, 28, 29), strict=True):
        assert f"33.33% (1/3)   goes to {address}:8080, client address kept   examples/shop/cart.yaml:{line}" in told
    assert "vmap @services" in told
    assert "prerouting: services" in told


def test_programs_get_one_line_for_a_packet() -> None:
    found = document(*SHOP, CART)
    assert set(found) == {"verdict", "endpoints", "reject_with", "reason"}
    assert (found["verdict"], found["reject_with"], found["reason"]) == ("dnat", None, None)
    assert sorted(item["address"] for item in found["endpoints"]) == ENDPOINTS
    assert {(item["port"], item["masquerade"]) for item in found["endpoints"]} == {(8080, False)}
    assert sum(item["probability"] for item in found["endpoints"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("packet", "flags", "verdict"),
    [
        ("tcp 10.244.1.9 > 10.96.0.30:80", (), "reject"),
        ("tcp 10.244.1.9 > 10.96.0.20:8080", (), "reject"),
        ("icmp 10.244.1.9 > 10.96.0.20", (), "reject"),
        ("tcp 10.244.1.9 > 10.96.9.9:80", (), "drop"),
        ("tcp 192.0.2.1 > 198.51.100.80:80", (), "drop"),
        ("tcp 203.0.113.9 > 198.51.100.80:80", (), "dnat"),
        ("tcp 10.244.1.9 > 10.244.2.5:80", (), "accept"),
        ("tcp 192.168.0.10 > 192.168.0.10:30080", ("--hook", "output"), "dnat"),
        ("tcp [fd00:244:1::9] > [fd00:96::10]:80", (), "dnat"),
        ("udp 10.244.1.9 > svc/kube-dns.kube-system:dns", (), "dnat"),
        ("udp 10.244.1.9 > svc/kube-system/kube-dns", (), "dnat"),
    ],
)
def test_the_verdict_is_what_becomes_of_the_packet(packet: str, flags: tuple[str, ...], verdict: str) -> None:
    assert document(*SHOP, *flags, packet)["verdict"] == verdict


def test_clients_are_masqueraded_or_not_by_where_they_are() -> None:
    def masqueraded(*arguments: str) -> set[bool]:
        return {item["masquerade"] for item in document(*SHOP, *arguments)["endpoints"]}

    assert masqueraded(CART) == {False}
    assert masqueraded("tcp 192.168.0.99 > 10.96.0.20:80") == {True}
    assert masqueraded("tcp 192.168.0.99 > 10.96.0.20:80", "--detect-local-mode", "None") == {False}
    assert masqueraded("tcp 192.168.0.10 > 10.96.0.20:80", "--hook", "output") == {True}


def test_interfaces_tell_pods() -> None:
    flags = ("--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "cni0", CART)
    for interface, masqueraded in (("cni0", False), ("eth0", True)):
        found = document(*SHOP, "--interface", interface, *flags)
        assert {item["masquerade"] for item in found["endpoints"]} == {masqueraded}


def test_a_dump_is_evaluated_without_manifests(dump: Path) -> None:
    assert document("--ruleset", str(dump), CART) == document(*SHOP, CART)
    assert document("--ruleset", "-", CART, stdin=dump.read_text()) == document(*SHOP, CART)


def test_local_addresses_are_read_for_a_dump_alone_as_well(dump: Path) -> None:
    outcome = traced("--ruleset", str(dump), CART, "--local-address", "x")
    assert (outcome.code, outcome.err) == (2, "error: --local-address: 'x' is not an IP address\n")


@pytest.mark.kernel
@pytest.mark.parametrize("listing", ["nft list ruleset", "nft -j list ruleset"])
def test_what_a_kernel_lists_is_traced_like_what_was_loaded(dump: Path, listing: str) -> None:
    shell = ["unshare", "-n", "sh", "-c", f"nft -f {dump} && {listing}"]
    listed = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    for packet in (
        "udp 10.244.1.9 > 10.96.0.53:53",
        "tcp 203.0.113.9 > 198.51.100.80:80",
        "tcp 10.244.1.9 > 10.96.0.30:80",
    ):
        # -q: about some versions of nft there is something to note.
        found = document("--ruleset", "-", packet, "-q", stdin=listed)
        compiled = document(*SHOP, packet)
        # nft lists the usual refusal in fewer words.
        assert (found.pop("reason") is None) is (compiled.pop("reason") is None)
        assert found == compiled


def test_with_manifests_the_steps_of_a_dump_have_their_lines(dump: Path) -> None:
    assert "cart.yaml:10" in traced("--ruleset", str(dump), *SHOP, CART).out
    assert "cart.yaml" not in traced("--ruleset", str(dump), CART).out


def test_a_dump_wins_over_what_svcc_would_load(dump: Path) -> None:
    empty = text(service(cluster_ip="10.96.0.20"), node())
    found = document("--ruleset", str(dump), "-f", "-", CART, stdin=empty)
    assert found["verdict"] == "dnat"


def test_the_addresses_of_the_node_are_those_of_its_object_and_of_the_flags(dump: Path) -> None:
    packet = "tcp 192.168.0.77 > 192.168.0.10:30080"
    for flags, count in (((), 1), (("--local-address", "192.168.0.77"), 3)):
        assert len(document(*SHOP, *flags, packet)["endpoints"]) == count
    assert len(document("--ruleset", str(dump), "--local-address", "192.168.0.77", packet)["endpoints"]) == 3


def test_many_packets_are_answered_in_order(tmp_path: Path) -> None:
    given = lines({}, {"destination": "10.96.0.30"}, {"destination_port": 9}, {"destination": "10.244.2.5"})
    (tmp_path / "packets").write_text(given)
    for name, stdin in ((str(tmp_path / "packets"), ""), ("-", given)):
        outcome = traced(*SHOP, "--packets", name, "-o", "json", stdin=stdin)
        assert (outcome.code, outcome.err) == (0, "")
        assert [item["verdict"] for item in documents(outcome)] == ["dnat", "reject", "reject", "accept"]


def test_many_packets_are_told_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "packets").write_text(lines({}, {"destination": "10.96.0.30"}))
    outcome = traced(*SHOP, "--packets", str(tmp_path / "packets"))
    assert len(outcome.out.splitlines()) == 2


def test_lines_may_say_the_hook_and_the_options_are_for_those_that_do_not() -> None:
    given = lines({"source": "192.168.0.10", "hook": "output"}, {"source": "192.168.0.10"})
    outcome = traced(*SHOP, "--packets", "-", "-o", "json", "-v", stdin=given)
    hooks = [{step["hook"] for step in item["outcomes"][0]["steps"]} for item in documents(outcome)]
    assert "output" in hooks[0]
    assert "prerouting" in hooks[1]


def test_all_bad_lines_of_a_file_are_told_and_nothing_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "packets"
    path.write_text(lines({}) + "{}\n\n" + lines({"destination_port": 0}))
    outcome = traced(*SHOP, "--packets", str(path), "-o", "json")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{path}:2: protocol and source and destination and destination_port missing" in outcome.err
    assert f"{path}:4: destination_port is not a number from 1 to 65535" in outcome.err


def test_bad_lines_of_a_stream_are_answered_by_an_error_each() -> None:
    outcome = traced(*SHOP, "--packets", "-", "-o", "json", stdin="x\n" + lines({}) + "{}\n")
    assert outcome.code == 2
    assert [item["verdict"] for item in documents(outcome)] == [None, "dnat", None]
    assert [line.partition(": ")[2][:10] for line in outcome.told] == ["<stdin>:1:", "<stdin>:3:"]


def test_a_stream_is_answered_line_by_line() -> None:
    command: list[str | Path] = [PROGRAM, "trace", *SHOP, "--packets", "-", "-o", "json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for destination, verdict in (("10.96.0.20", "dnat"), ("10.96.0.30", "reject")):
            process.stdin.write(lines({"destination": destination}))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["verdict"] == verdict
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (ENDPOINTS, 0),
        ([f"{address}:8080" for address in ENDPOINTS], 0),
        ([*ENDPOINTS, "drop"], 0),
        (ENDPOINTS[:2], 1),
        ([f"{address}:80" for address in ENDPOINTS], 1),
        (["drop"], 1),
        (["accept"], 1),
    ],
)
def test_an_expectation_is_an_assertion(expected: list[str], code: int) -> None:
    for flags in (["--expect", ",".join(expected)], [flag for each in expected for flag in ("--expect", each)]):
        outcome = traced(*SHOP, CART, *flags)
        assert outcome.code == code
        assert ("not as expected" in outcome.err) is bool(code)


@pytest.mark.parametrize(
    ("flags", "packet", "source", "code"),
    [
        ([], CART, "kept", 0),
        ([], CART, "masqueraded", 1),
        (["--masquerade-all"], CART, "masqueraded", 0),
        (["--masquerade-all"], CART, "kept", 1),
        (["--expect", ",".join(ENDPOINTS)], CART, "kept", 0),
        (["--expect", ENDPOINTS[0]], CART, "kept", 1),
    ],
)
def test_the_source_may_be_expected_too(flags: list[str], packet: str, source: str, code: int) -> None:
    outcome = traced(*SHOP, packet, *flags, "--expect-source", source)
    assert outcome.code == code
    assert ("not as expected" in outcome.err) is bool(code)


def test_what_happened_instead_is_told() -> None:
    outcome = traced(*SHOP, CART, "--expect", "10.244.1.21,10.244.2.22:8080", "-o", "json")
    assert outcome.code == 1
    (told,) = outcome.told
    assert told.startswith("error: tcp 10.244.1.9 > 10.96.0.20:80: not as expected: ")
    assert told.endswith(": 33.33% (1/3) goes to 10.244.2.21:8080, client address kept")
    assert len(documents(outcome)) == 1


def test_every_packet_of_many_must_be_as_expected() -> None:
    given = lines({"destination": "10.96.0.30"}, {}, {"destination": "10.96.0.30"})
    outcome = traced(*SHOP, "--packets", "-", "--expect", "reject", stdin=given)
    assert outcome.code == 1
    assert len(outcome.told) == 1


def test_what_is_unknown_is_never_as_expected(tmp_path: Path) -> None:
    ruleset = tmp_path / "foreign.nft"
    ruleset.write_text(
        "table ip foreign {\n chain pre {\n  type filter hook prerouting priority 0; policy accept;\n"
        "  meta cgroup 7 drop\n }\n}\n"
    )
    outcome = traced("--ruleset", str(ruleset), CART, "--expect", "drop,accept,reject,10.96.0.20", "-o", "json")
    assert outcome.code == 1
    (found,) = documents(outcome)
    assert found["verdict"] == "unknown"
    assert found["reason"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([CART], "give manifests (-f), a dump (--ruleset), or both"),
        ([*SHOP], "give one PACKET, or --packets"),
        ([*SHOP, CART, "--packets", "-"], "give one PACKET, or --packets"),
        (["--ruleset", "-", "--packets", "-"], "standard input (-) can be read only once"),
        ([*SHOP, CART, "--expect", "dnat"], '"dnat" cannot be expected'),
        ([*SHOP, CART, "--expect", ""], "it names no outcome"),
        ([*SHOP, CART, "--expect-source", "node"], '"node" cannot be expected as the source'),
        ([*SHOP, CART, "--mark", "x"], "'x' is not a number of 32 bits"),
        ([*SHOP, CART, "--hook", "output", "--interface", "eth0"], "--hook output and --interface exclude each other"),
        ([*SHOP, CART, "--interface", ""], "is not an interface name"),
        ([*SHOP, "tcp 10.244.1.9 > svc/wbe.shop:80"], "similar: web"),
        ([*SHOP, "tcp 10.244.1.9 > svc/web.shop:nope"], 'has no TCP port "nope"'),
        ([*SHOP, "tcp 10.244.1.9 > svc/database.shop:80"], "Service shop/database has no IPv4 cluster IP"),
        ([*SHOP, "tcp 10.244.1.9"], "is no packet"),
        (["--ruleset", "/nowhere/dump", CART], "/nowhere/dump: No such file or directory"),
        (["--ruleset", "-", CART], "<stdin>: the dump is empty"),
        ([*SHOP, CART, "--local-address", "x"], "--local-address: 'x' is not an IP address"),
        ([*SHOP, CART, "--interface", "eth/0 x"], "is not an interface name"),
        ([*SHOP, "--packets", "/nowhere/packets"], "/nowhere/packets: No such file or directory"),
    ],
)
def test_a_mistake_is_told_with_exit_code_2(arguments: list[str], words: str) -> None:
    outcome = traced(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


@pytest.mark.parametrize("content", ["table ip x {", '{"nftables": [', '{"nftables": 7}', "hello"])
def test_a_dump_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, content: str) -> None:
    path = tmp_path / "dump"
    path.write_text(content)
    outcome = traced("--ruleset", str(path), CART)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {path}: ")


def test_affinity_and_hairpins_are_part_of_the_outcome() -> None:
    sticky = document(*SHOP, "tcp 10.244.1.21 > 10.96.0.20:80")
    masqueraded = {item["address"]: item["masquerade"] for item in sticky["endpoints"]}
    assert masqueraded == {"10.244.1.21": True, "10.244.2.21": False, "10.244.2.22": False}


def test_problems_of_manifests_are_told_and_the_rest_is_traced() -> None:
    cluster = text(service(), endpoint_slice(), service("broken", "10.96.0.11", ports=[{"port": 0}]), node())
    outcome = traced("-f", "-", "tcp 10.244.1.9 > 10.96.0.10:80", stdin=cluster)
    assert outcome.code == 0
    assert "Service shop/broken" in outcome.err


def survived(outcome: Outcome) -> None:
    assert outcome.code in {0, 1, 2}, outcome.err
    assert "internal error" not in outcome.err
    assert all(line.isprintable() for line in (*outcome.told, *outcome.out.splitlines()))


PIECES = st.sampled_from(
    ["tcp", "udp", "icmp", " ", ">", "->", "10.96.0.20", "10.244.1.9", ":80", ":", "[fd00::1]", "svc/"]
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
def test_any_text_as_a_packet_is_survived(packet: str) -> None:
    survived(traced(*SHOP, "--", packet))


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(list(LINE.values())) | st.text(max_size=9)
)
KEYS = st.sampled_from([*LINE, "source_port", "hook", "interface", "mark", "x"])


@given(st.binary(max_size=40) | st.dictionaries(KEYS, VALUES).map(lambda some: json.dumps({**LINE, **some}).encode()))
def test_any_line_as_a_packet_is_survived(line: bytes) -> None:
    outcome = svcc("trace", *SHOP, "--packets", "-", "-o", "json", stdin=line)
    survived(outcome)
    assert all("verdict" in item for item in documents(outcome))


@given(st.data())
def test_any_damage_to_a_dump_is_survived(dump: Path, data: st.DataObject) -> None:
    ruleset = dump.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(ruleset)))
        end = start + data.draw(st.integers(0, 30))
        ruleset = ruleset[:start] + data.draw(st.text(max_size=4)) + ruleset[end:]
    survived(svcc("trace", "--ruleset", "-", "-v", CART, stdin=ruleset.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    ("destination", "chain", "lines_of_endpoints"),
    [
        ("svc/cache.shop:redis", "pick-by-source-address-1021", {24}),
        ("svc/jobs.shop:http", "turns-shop/jobs/tcp/http", {39, 50}),
        ("192.168.0.10:30051", "turns-nodeport-shop/jobs/tcp/http", {39, 50}),
    ],
)
def test_hashes_and_turns_have_their_lines_too(destination: str, chain: str, lines_of_endpoints: set[int]) -> None:
    manifest = ROOT / "tests" / "golden" / "balancing" / "manifest.yaml"
    declared = ("-f", str(manifest), "--node", "worker-1", "--cluster-cidr", "10.244.0.0/16")
    outcome = traced(*declared, f"tcp 10.244.1.9 > {destination}")
    assert (outcome.code, outcome.err) == (0, "")
    head, _, way = outcome.out.partition("WAY TO ")
    chances = [line for line in head.splitlines() if " goes to " in line]
    assert {int(line.split("manifest.yaml:")[1].split()[0]) for line in chances} == lines_of_endpoints
    (_, picked), *_rest = [part.split("\n", 1) for part in way.split(f"  prerouting: {chain}\n")[1:]]
    assert f"{manifest}:" in picked.split("dnat to")[0]


def test_the_interface_where_a_packet_leaves_answers_rules_that_ask_for_it() -> None:
    ruleset = (
        "table ip t {\nchain c {\ntype nat hook postrouting priority srcnat;\noifname != docker0 masquerade\n}\n}\n"
    )
    packet = "tcp 172.17.0.9 > 198.51.100.9:80"
    assert document("--ruleset", "-", packet, stdin=ruleset)["verdict"] == "unknown"
    for name, masquerade in (("docker0", None), ("eth0", True)):
        found = document("--ruleset", "-", "--output-interface", name, packet, stdin=ruleset)
        assert (found["verdict"], found.get("masquerade")) == ("accept", masquerade)
