"""What svcc prints: three forms, the same for the same objects, whatever their order and the process."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from svcc import ClusterSettings, compile, load_text  # noqa: A004  (the public name)
from svcc.cli.output import replace_files
from tests.cli.command import ROOT, Outcome, program, svcc
from tests.cli.manifests import endpoint_slice, node, service, text

SHOP = (
    "compile",
    "-f",
    str(ROOT / "examples" / "shop"),
    "--node",
    "worker-1",
    "--cluster-cidr",
    "10.244.0.0/16,fd00:244::/32",
)
OBJECTS = [
    *(
        service(f"web-{number}", f"10.96.0.{number}", sessionAffinity="ClientIP" if number % 2 else "None")
        for number in range(1, 12)
    ),
    *(
        endpoint_slice(f"web-{number}", [f"10.244.{number}.{last}" for last in range(1, number)])
        for number in range(2, 12)
    ),
    node(),
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": ["10.96.0.0/16"]},
    },
]
each_output = pytest.mark.parametrize("output", ["nft", "json", "dataplane"])


def printed(output: str, items: list[dict[str, Any]]) -> str:
    outcome = svcc("compile", "-f", "-", "-o", output, "--node", "worker-1", stdin=text(items))
    assert outcome.code == 0
    return outcome.out


def without_places(document: str) -> str:
    """The dataplane without the lines of the manifests, which are all that may depend on the order."""
    return "\n".join(line for line in document.splitlines() if '"source": "<stdin>:' not in line)


@each_output
def test_the_order_of_objects_does_not_matter(output: str) -> None:
    expected = printed(output, OBJECTS)
    assert len(expected) > 1000
    for seed in range(5):
        shuffled = random.Random(seed).sample(OBJECTS, len(OBJECTS))
        found = printed(output, shuffled)
        if output == "dataplane":
            assert without_places(found) == without_places(expected)
        else:
            assert found == expected


def test_the_order_of_endpoints_and_slices_does_not_matter() -> None:
    addresses = ["10.244.1.1", "10.244.1.2", "10.244.1.3"]
    whole = {
        printed("nft", [service(), endpoint_slice("web", order)]).replace("worker-2", "worker-1")
        for order in itertools.permutations(addresses)
    }
    # Which endpoint is on the node changes with the order, but nothing in this Service depends on that.
    assert len({text.partition("set hairpins")[0] for text in whole}) == 1


@each_output
def test_every_process_prints_the_same(output: str) -> None:
    found: set[Outcome] = {program(*SHOP, "-o", output, environment={"PYTHONHASHSEED": seed}) for seed in "12"}
    (outcome,) = found
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome == svcc(*SHOP, "-o", output)


@each_output
def test_the_manifests_form_does_not_matter(output: str) -> None:
    items = [service(), endpoint_slice(), node()]
    documents = "\n---\n".join(json.dumps(item) for item in items)
    outcome = svcc("compile", "-f", "-", "-o", output, stdin=documents)
    assert outcome.code == 0
    assert without_places(outcome.out) == without_places(printed(output, items))


def test_nft_text_is_the_default_and_is_what_the_library_makes() -> None:
    outcome = svcc(*SHOP)
    assert outcome == svcc(*SHOP, "-o", "nft")
    loaded = load_text(text(OBJECTS))
    library = compile(loaded.cluster, node="worker-1", settings=ClusterSettings())
    assert printed("nft", OBJECTS) == library.script


def test_nft_text_says_in_its_first_line_what_it_is() -> None:
    first = svcc(*SHOP).out.splitlines()[0]
    assert first == "# The Services for node worker-1, compiled by svcc; load with: nft -f FILE"


def test_json_is_a_document_for_libnftables() -> None:
    document = json.loads(svcc(*SHOP, "-o", "json").out)
    assert list(document) == ["nftables"]
    commands = document["nftables"]
    assert all(len(command) == 1 for command in commands)
    tables = {
        (command["add"]["table"]["family"], command["add"]["table"]["name"])
        for command in commands
        if "table" in command.get("add", {})
    }
    assert tables == {("ip", "svcc"), ("ip6", "svcc")}


def test_the_dataplane_is_a_versioned_document() -> None:
    document = json.loads(svcc(*SHOP, "-o", "dataplane").out)
    assert {key: document[key] for key in ("apiVersion", "kind", "node", "masqueradeBit")} == {
        "apiVersion": "svcc/v1",
        "kind": "Dataplane",
        "node": "worker-1",
        "masqueradeBit": 14,
    }
    ports = {
        (port["namespace"], port["service"], port["protocol"]): port
        for family in document["families"]
        for port in family["servicePorts"]
        if family["family"] == "IPv4"
    }
    assert set(ports) == {
        ("kube-system", "kube-dns", "UDP"),
        ("kube-system", "kube-dns", "TCP"),
        ("shop", "cart", "TCP"),
        ("shop", "web", "TCP"),
        ("shop", "reports", "TCP"),
    }
    assert ports["shop", "cart", "TCP"]["affinityTimeoutSeconds"] == 3600
    assert {item["kind"] for item in ports["shop", "web", "TCP"]["frontends"]} == {
        "cluster-ip",
        "load-balancer",
        "node-port",
    }
    assert ports["shop", "reports", "TCP"]["frontends"][0]["inside"] == "reject"


@each_output
def test_output_is_ascii_whatever_is_declared(output: str) -> None:
    zone = node()
    zone["metadata"]["labels"] = {"topology.kubernetes.io/zone": "zürich"}
    found = printed(output, [service("wéb"), service("web", "10.96.0.11"), zone])
    assert found.isascii()
    assert "10.96.0.11" in found
    assert found.endswith("}\n")


def test_files_are_replaced_together_or_not_at_all(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "gone" / "second"
    first.write_bytes(b"before")
    first.chmod(0o640)
    with pytest.raises(FileNotFoundError) as caught:
        replace_files({first: b"after", second: b"after"})
    assert caught.value.filename == str(second)
    assert first.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    second.parent.mkdir()
    replace_files({first: b"after", second: b"after"})
    assert (first.read_bytes(), second.read_bytes()) == (b"after", b"after")
    assert first.stat().st_mode & 0o777 == 0o640
