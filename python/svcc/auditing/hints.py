"""What to do about a finding, where more is known than its kind: why nothing can be decided, what was not declared."""

from __future__ import annotations

from typing import Final

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify_blame import untracking_step
from svcc.auditing.classify_declared import Declared
from svcc.auditing.classify_observation import REACHES_ITSELF, Observation
from svcc.auditing.difference import Difference
from svcc.auditing.finding import FindingKind

__all__ = ["hint_about", "undecided_hint"]

K = FindingKind
_OF_REASONS: Final = (
    (
        "have the same priority",
        "give the chain of the other table another priority (such as filter + 10), so that their order is certain",
    ),
    (
        "`limit ",
        "nothing, if the limit is meant: what exceeds it is known to the kernel alone; accept it in a baseline",
    ),
    ("limit is reached", "nothing, if the limit is meant; accept it in a baseline"),
    (
        "is not understood",
        "list the ruleset with a newer nft, or as text (nft list ruleset); else see to that rule by hand",
    ),
    ("reason is not known", "see to what else is found: what it comes from may be named there"),
    ("is dormant", "list the ruleset with a newer nft, which tells whether tables are dormant"),
)
_SOURCES: Final = frozenset({K.MASQUERADE_MISSING, K.MASQUERADE_WRONG})


def undecided_hint(reason: str) -> str:
    """What to do where something cannot be decided for a reason, as outcomes tell them."""
    return next((hint for part, hint in _OF_REASONS if part in reason), CATALOGUE[K.NOT_DECIDABLE].hint)


def hint_about(observation: Observation, shown: Difference, declared: Declared) -> str:
    """What to do about a finding of such observations; `shown` is the difference that shows it."""
    kind = observation.kind
    if kind is K.NOT_DECIDABLE:
        return undecided_hint(observation.cause)
    if observation.cause == REACHES_ITSELF:
        return "nothing: kube-proxy before 1.36 does so, and their own nodes have translated such packets before"
    if kind is K.SERVICE_MISSING and any(untracking_step(outcome) is not None for outcome in shown.found.outcomes):
        return "exclude the Services' addresses from the notrack rule: what is not tracked, nothing translates"
    hint = CATALOGUE[kind].hint
    family = declared.family(shown.packet)
    if shown.local_addresses and not family.node_addresses:
        return f"tell the node's addresses, by its Node object or --local-address; else {hint}"
    if kind in _SOURCES and not family.pods:
        return f"tell who is a pod, if the node's rules know it: --cluster-cidr or --detect-local-mode; else {hint}"
    return hint
