"""Several nft programs side by side, each in the same kernel."""

from __future__ import annotations

import json

import pytest

from tests.kernel.network import NftError, Node
from tests.kernel.nft_versions import NAMES, SUITES, Program, UnavailableError, nft_program, nft_programs
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.kernel.prototype import IPV4, IPV6

pytestmark = pytest.mark.kernel


def test_each_program_loads_and_lists_what_each_other_loaded(node: Node, nft: Program) -> None:
    node.load(IPV4.script() + IPV6.script(), nft=nft)
    for reader in nft_programs().values():
        assert "map endpoints" in node.nft("list", "ruleset", nft=reader)
        listing = json.loads(node.nft("-j", "list", "ruleset", nft=reader))
        release = next(item["metainfo"]["version"] for item in listing["nftables"] if "metainfo" in item)
        assert tuple(map(int, release.split("."))) == reader.version
    packet = Packet(protocol="TCP", source=IPV4.client, destination=IPV4.service, destination_port=84)
    assert node.send(packet) == Delivered(IPV4.remote, 8084, IPV4.client, False, "outside")


def test_each_program_is_named_when_it_refuses(node: Node, nft: Program) -> None:
    with pytest.raises(NftError, match=rf"nft {'.'.join(map(str, nft.version))} \({nft.name}\)"):
        node.load("nonsense", nft=nft)


@pytest.mark.parametrize("suite", SUITES)
def test_a_program_of_a_newer_suite_is_at_least_1_1_3(suite: str) -> None:
    try:
        program = nft_program(suite)
    except UnavailableError as error:
        pytest.skip(str(error))
    assert program.version >= (1, 1, 3)


def test_the_programs_are_those_that_can_be_had() -> None:
    found = nft_programs()
    assert {"system"} <= set(found) <= set(NAMES)
    for name in set(NAMES) - set(found):
        with pytest.raises(UnavailableError, match="nft"):
            nft_program(name)
