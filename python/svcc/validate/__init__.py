"""Judging objects in the API server's words.

The rules are those a server applies to one object when it is created; `RULES` lists them.
All problems of an object are reported, in the server's order, warnings last.

An error leaves the object out of the compiled cluster, except for the rules in `ENTRY_ONLY_RULES`: there only the entry
is of no use, and kube-proxy skips it while it serves the rest of the Service (S6). The entry stays in the model as
written, and whoever compiles must pass over what does not parse. Two of them need care:

* ``service/source-range-invalid``: leaving out an unreadable range must never let more clients in. kube-proxy drops
  unreadable ranges first, so a Service none of whose ranges can be read (in a family) is open to everyone (in that
  family). A compiler that wants to be safe takes the presence of `load_balancer_source_ranges` as the wish to restrict,
  and serves nobody where no range of the family is left because ranges were unreadable.
* ``service/ingress-ip-mode-unsupported``: an unknown mode is read as `Proxy`, so that nodes do not take over an address
  that may not be theirs.
"""

from __future__ import annotations

from svcc.fields import Problem
from svcc.model.cluster import ClusterObject
from svcc.validate.admission import ENTRY_ONLY_RULES, is_fatal, problems_in
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems
from svcc.validate.cluster_rules import ALL_RULES
from svcc.validate.rules import RULES, Rule
from svcc.validate.update import update_problems
from svcc.wire.form import wire_form

__all__ = [
    "ALL_RULES",
    "ENTRY_ONLY_RULES",
    "RULES",
    "ClusterRuleSettings",
    "Rule",
    "cluster_problems",
    "is_fatal",
    "update_problems",
    "validate",
]


def validate(item: ClusterObject) -> list[Problem]:
    """What is wrong with one object, worded as the API server words it; empty if nothing is.

    Objects read from manifests were judged when they were loaded, and more thoroughly: the model cannot tell a field
    that was written from one that was defaulted.

    Raises:
        TypeError: `item` is no object of the model.
    """
    return problems_in(type(item).__name__, wire_form(item), item.reference, item.source)
