"""Whatever comes in: no traceback, no internal error, and all of an output or none of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import ROOT, Outcome, svcc
from tests.cli.hostile import POISON, mutated
from tests.cli.manifests import Manifest, endpoint_slice, service, text

OUTPUTS = ("nft", "json", "dataplane")


def survived(outcome: Outcome) -> Outcome:
    """What holds for every outcome: a known exit code, nothing half-written, only lines of printable text."""
    assert outcome.code in {0, 1, 2}, outcome.err
    assert "internal error" not in outcome.err
    assert all(line.isprintable() for line in outcome.told), outcome.err
    return outcome


def whole(outcome: Outcome, output: str) -> None:
    """All of an output or none of it."""
    survived(outcome)
    if outcome.code != 0:
        assert outcome.out == ""
        assert outcome.told
    elif output == "nft":
        assert outcome.out.endswith("\n\t}\n}\n")
        assert outcome.out.count("{") == outcome.out.count("}")
        assert all(line.isprintable() for line in outcome.out.replace("\t", "").splitlines())
    else:
        json.loads(outcome.out)


@given(st.binary(max_size=200), st.sampled_from(OUTPUTS))
def test_any_bytes_are_survived(data: bytes, output: str) -> None:
    whole(svcc("compile", "-f", "-", "-v", "-o", output, stdin=data), output)
    survived(svcc("check", "-f", "-", stdin=data))


@given(mutated(), st.sampled_from(OUTPUTS), st.sampled_from([[], ["--strict"], ["--node", "worker-1"], ["-n", "shop"]]))
def test_any_change_of_a_manifest_is_survived(items: list[Manifest], output: str, flags: list[str]) -> None:
    manifest = json.dumps(items)
    whole(svcc("compile", "-f", "-", "-v", "-o", output, *flags, stdin=manifest), output)
    survived(svcc("check", "-f", "-", "-v", stdin=manifest))


@given(st.data())
def test_any_damage_to_the_text_of_manifests_is_survived(data: st.DataObject) -> None:
    shop = "\n---\n".join(path.read_text() for path in sorted((ROOT / "examples" / "shop").iterdir()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(shop)))
        end = start + data.draw(st.integers(0, 20))
        shop = shop[:start] + data.draw(st.sampled_from(POISON) | st.text(max_size=5)) + shop[end:]
    stdin = shop.encode("utf-8", "surrogatepass")
    whole(svcc("compile", "-f", "-", "-v", "--node", "worker-1", stdin=stdin), "nft")


@pytest.mark.parametrize(
    "flag",
    [
        "--node",
        "--service-cidr",
        "--cluster-cidr",
        "--nodeport-addresses",
        "--local-address",
        "--pod-bridge-interface",
        "--service-proxy-name",
        "-n",
        "-l",
        "--config",
    ],
)
@pytest.mark.parametrize("value", [poison for poison in POISON if "\0" not in poison])
def test_poison_in_a_flag_is_survived(flag: str, value: str) -> None:
    arguments = ["compile", "-f", "-", flag, value]
    if flag == "--pod-bridge-interface":
        arguments += ["--detect-local-mode", "BridgeInterface"]
    outcome = svcc(*arguments, stdin=text(service(), endpoint_slice()))
    assert outcome.code in {0, 2}
    assert "internal error" not in outcome.err
    if outcome.code == 0:
        assert outcome.out.endswith("\n\t}\n}\n")
        assert "\nflush ruleset" not in outcome.out
        assert "owned" not in outcome.out.replace(outcome.out.splitlines()[0], "")
