"""Baselines: findings that somebody accepts, each with a reason, and until when.

A baseline can only shrink: entries that match nothing any more, and those that have expired, are told.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from svcc.auditing.finding import Finding, FindingKind, Suppressed
from svcc.dataplane.document import API_VERSION
from svcc.errors import InputError
from svcc.fields import printable

__all__ = ["Accepted", "Baseline", "BaselineEntry", "apply_baseline", "baseline_lines", "read_baseline"]

KIND: Final = "AuditBaseline"
_KEYS: Final = ("fingerprint", "kind", "subject", "reason", "expires")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
EXPIRED: Final = "the baseline accepted"
UNREASONED: Final = "TODO: why is this accepted?"
"""What stands for the reason in a baseline that was written by svcc, until somebody fills it in; it accepts so long."""


@frozen
class BaselineEntry:
    """A finding that is accepted.

    Attributes:
        fingerprint: `Finding.fingerprint`: what decides whether a finding is this one.
        kind, subject: for people, and for what is told of entries that match nothing.
        reason: why it is accepted.
        expires: the last day on which it is, in UTC; None for good.
    """

    fingerprint: str
    kind: FindingKind
    subject: str
    reason: str
    expires: dt.date | None = None

    def has_expired(self, day: dt.date) -> bool:
        """Whether it accepts nothing on a day."""
        return self.expires is not None and self.expires < day

    @property
    def is_unreasoned(self) -> bool:
        """Whether nobody has filled in the reason."""
        return self.reason == UNREASONED

    def __str__(self) -> str:
        return f"{self.kind.value} {self.subject} ({self.fingerprint})"


@frozen
class Baseline:
    """The findings that are accepted, by fingerprint, in the order of the file."""

    entries: tuple[BaselineEntry, ...] = ()


@frozen
class Accepted:
    """Findings, told apart by a baseline.

    Attributes:
        findings: those that it does not accept, or not any more, in their order.
        suppressed: those that it accepts.
        unused: the entries that match no finding, so that they can be removed.
        expired: a sentence for each entry that matches one and accepts it no more.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...] = ()
    unused: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()


def apply_baseline(baseline: Baseline, findings: Iterable[Finding], today: dt.date | None = None) -> Accepted:
    """Tell findings that a baseline accepts from others; `today` is that of UTC if it is not given."""
    day = today or dt.datetime.now(dt.UTC).date()
    entries = {entry.fingerprint: entry for entry in baseline.entries}
    used: dict[str, BaselineEntry] = {}
    left: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in findings:
        entry = entries.get(finding.fingerprint)
        if entry is not None:
            used[entry.fingerprint] = entry
        if entry is None or entry.has_expired(day):
            left.append(finding)
        else:
            suppressed.append(Suppressed(finding, entry.reason, entry.expires.isoformat() if entry.expires else None))
    return Accepted(
        tuple(left),
        tuple(suppressed),
        unused=tuple(str(entry) for entry in baseline.entries if entry.fingerprint not in used),
        expired=tuple(
            f"{EXPIRED} {entry} until {entry.expires}, and it is still found"
            for entry in used.values()
            if entry.has_expired(day)
        ),
    )


def read_baseline(text: str, name: str) -> Baseline:
    """Read a baseline; `name` is the file's, for errors.

    Raises:
        InputError: it is not a baseline; the message says what is wrong and where.
    """
    import yaml  # noqa: PLC0415  (only here: few audits have a baseline)

    try:
        # All scalars stay text: a fingerprint may consist of digits alone, and dates are read below.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (it makes nothing but text, lists and maps)
    except yaml.YAMLError as error:
        raise InputError(f"{name}: it is not YAML: {printable(' '.join(str(error).split()))}") from None
    except RecursionError:
        raise InputError(f"{name}: it is nested too deeply") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(f"{name}: it is no baseline: kind is not {KIND}", hint="make one with --write-baseline")
    if document.get("apiVersion") != API_VERSION:
        raise InputError(f"{name}: apiVersion is not {API_VERSION}")
    accepted = document.get("accepted") or []
    if not isinstance(accepted, list):
        raise InputError(f"{name}: accepted is not a list")
    entries = tuple(_entry(item, f"{name}: accepted[{index}]") for index, item in enumerate(accepted))
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.fingerprint in seen:
            raise InputError(f"{name}: accepted[{index}]: {entry} is there twice")
        seen.add(entry.fingerprint)
    return Baseline(entries)


def _entry(item: object, place: str) -> BaselineEntry:
    if not isinstance(item, dict):
        raise InputError(f"{place} is not a map")
    unknown = sorted(str(key) for key in item.keys() - set(_KEYS))
    if unknown:
        raise InputError(f"{place}: unknown {', '.join(map(printable, unknown))}; known are {', '.join(_KEYS)}")
    fingerprint = _text(item, "fingerprint", place)
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise InputError(f'{place}: the fingerprint "{printable(fingerprint)}" is not 16 hexadecimal digits')
    try:
        kind = FindingKind(_text(item, "kind", place))
    except ValueError as error:
        raise InputError(f"{place}: kind: {printable(str(error))}") from None
    reason = _text(item, "reason", place)
    if not reason.strip():
        raise InputError(f"{place}: the reason is missing: why is this accepted?")
    expires = _text(item, "expires", place)
    try:
        until = dt.date.fromisoformat(expires) if expires else None
    except ValueError:
        raise InputError(f'{place}: expires: "{printable(expires)}" is not a date, such as 2026-12-31') from None
    return BaselineEntry(fingerprint, kind, _text(item, "subject", place), reason, until)


def _text(item: Mapping[Any, object], key: str, place: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str):
        raise InputError(f"{place}: {key} is not text")
    return value


def baseline_lines(
    findings: Iterable[Finding], previous: Baseline | None = None, today: dt.date | None = None
) -> Iterator[str]:
    """A baseline that accepts these findings, as YAML, line by line, each with its end.

    Reasons and dates are those of `previous` where it has them; dates that are over are left out, and reasons are to be
    filled in where there is `UNREASONED`.
    """
    day = today or dt.datetime.now(dt.UTC).date()
    known = {entry.fingerprint: entry for entry in previous.entries} if previous else {}
    unique = {finding.fingerprint: finding for finding in findings}
    yield f"apiVersion: {API_VERSION}\n"
    yield f"kind: {KIND}\n"
    yield "accepted:\n" if unique else "accepted: []\n"
    for fingerprint, finding in sorted(unique.items(), key=lambda item: (item[1].kind, item[1].subject, item[0])):
        entry = known.get(fingerprint)
        # JSON's strings are YAML's, whatever is in them.
        yield f'- fingerprint: "{fingerprint}"\n'
        yield f"  kind: {finding.kind.value}\n"
        yield f"  subject: {json.dumps(finding.subject)}\n"
        yield f"  reason: {json.dumps(entry.reason if entry else UNREASONED)}\n"
        if entry is not None and entry.expires is not None and not entry.has_expired(day):
            yield f"  expires: {entry.expires.isoformat()}\n"
