"""The obvious, slow statement of Service semantics, to compare compiled rulesets with.

It shares the declared model and the address syntax with svcc, and nothing else. Read it beside the S-rules: every
function names the rule it states. Where the rules leave something open, the docstring says "Decided:".
"""

from __future__ import annotations

from tests.oracle.decide import decide
from tests.oracle.endpoints import ServicePortName
from tests.oracle.packet import Delivery, Drop, NodeFacts, Packet, Reject, Result, Untouched

__all__ = [
    "Delivery",
    "Drop",
    "NodeFacts",
    "Packet",
    "Reject",
    "Result",
    "ServicePortName",
    "Untouched",
    "decide",
]
