"""Random rulesets are valid: nft loads each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from tests.kernel.network import NftError, Node
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import rulesets

EXAMPLES = 300


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


@pytest.mark.kernel
@settings(max_examples=EXAMPLES)
@given(ruleset=rulesets())
def test_every_generated_ruleset_loads(node: Node, ruleset: Ruleset) -> None:
    try:
        node.load(f"flush ruleset\n{ruleset.text}")
    except NftError as error:
        raise AssertionError(f"{error}\n{ruleset.text}") from error
