"""What the DNS cannot say as it was declared: the rules, and problems that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from svcc.dns.contract import MOST_NAME_CHARACTERS
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service

__all__ = ["DNS_RULES", "DnsProblems"]

DNS_RULES: Mapping[str, tuple[Severity, str]] = MappingProxyType(
    {
        "dns/declared-twice": (
            Severity.WARNING,
            "A Service is declared once; of several with one name only the last has records.",
        ),
        "dns/label": (Severity.WARNING, "What becomes a label of a name consists of letters, digits and hyphens."),
        "dns/name-too-long": (Severity.WARNING, "A name has at most 253 characters and its labels 63."),
        "dns/no-cluster-ip": (Severity.WARNING, "A Service that is not headless has a cluster IP, or it has no name."),
        "dns/external-name-address": (
            Severity.WARNING,
            "An external name is a name: resolvers follow no CNAME to an address.",
        ),
        "dns/alias-loop": (Severity.WARNING, "External names do not lead back to themselves."),
        "dns/alias-dangling": (Severity.WARNING, "An external name inside the cluster's zone exists."),
        "dns/port-differs": (
            Severity.WARNING,
            "The SRV record of a headless Service has the port of the endpoints, which is not that of the Service.",
        ),
        "dns/port-without-record": (
            Severity.WARNING,
            "A named port of a headless Service is one of its endpoints, or it has no SRV record.",
        ),
        "dns/hostname-shared": (
            Severity.WARNING,
            "Endpoints of one family with the same hostname share one name, which stands for all of them.",
        ),
        "dns/reverse-zone-missing": (Severity.WARNING, "Each address is in a reverse zone, or it has no PTR record."),
    }
)


class DnsProblems:
    """Problems as they are found."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def notice(
        self, rule: str, subject: Service | EndpointSlice | None, steps: tuple[str | int, ...], detail: str
    ) -> None:
        """Something that svcc noticed, in its own words; `steps` lead to the field."""
        self._add(rule, subject, steps, ProblemKind.NOTICE, detail)

    def invalid(
        self, rule: str, subject: Service | EndpointSlice, steps: tuple[str | int, ...], value: Any, detail: str
    ) -> None:
        """A value that no record can have."""
        self._add(rule, subject, steps, ProblemKind.INVALID, detail, value)

    def too_long(self, subject: Service | EndpointSlice, steps: tuple[str | int, ...], name: str) -> None:
        """A name that the protocol cannot carry."""
        self.notice(
            "dns/name-too-long",
            subject,
            steps,
            f"no record for {name}: it or one of its labels is too long"
            f" ({len(name) - 1} characters; at most {MOST_NAME_CHARACTERS}, and 63 for a label)",
        )

    def _add(
        self,
        rule: str,
        subject: Service | EndpointSlice | None,
        steps: tuple[str | int, ...],
        kind: ProblemKind,
        detail: str,
        value: Any = None,
    ) -> None:
        path = FieldPath.of(*steps)
        reference: ObjectReference | None = subject.reference if subject is not None else None
        source = subject.source.at(path) if subject is not None and subject.source else None
        severity, _meaning = DNS_RULES[rule]
        self.found.append(Problem(rule, kind, path, detail, value, reference, source, severity))
