"""What a node writes to stderr: lines that say what changed and how long it took, and each problem once.

They go through `logging`, so that libraries' lines look the same. Whatever runs under systemd is read by journald,
which knows the time and takes a line's weight from its prefix (sd-daemon(3)).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TextIO

from svcc.fields import Problem, Severity, printable
from svcc.incremental.contract import ServiceChange, ServiceFate
from svcc.node.probes import timestamp
from svcc.node.state import Sync, SyncKind
from svcc.node.status_text import duration

__all__ = ["LOGGER", "NodeLog", "change_words", "configure_logging", "counted"]

LOGGER: Final = "svcc.node"
_LEVELS: Final = {Severity.ERROR: logging.ERROR, Severity.WARNING: logging.WARNING, Severity.INFO: logging.DEBUG}
_JOURNAL: Final = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (logging.DEBUG, "<7>"))
_FIELDS: Final = "svcc_fields"
_MANY: Final = 10
_LATEST: Final = 100


def configure_logging(
    form: str, *, verbose: bool = False, quiet: bool = False, stream: TextIO | None = None
) -> logging.Handler:
    """Have all loggers of this process write such lines: form ``text`` or ``json``; returns their handler."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    if form == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(_Journal() if _is_journal(target, os.environ) else _Text())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO)
    return handler


def _is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream leads to journald, which says so by device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class _Text(logging.Formatter):
    """``2026-01-31T12:00:00.123Z info web/shop: endpoints +1 -1; 2 operations; 0.8 ms``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{timestamp(record.created)} {record.levelname.lower()} {self._words(record)}"

    def _words(self, record: logging.LogRecord) -> str:
        words = printable(record.getMessage())
        # Traces are bugs, and are to be readable.
        return f"{words}\n{self.formatException(record.exc_info)}" if record.exc_info else words


class _Journal(_Text):
    def format(self, record: logging.LogRecord) -> str:
        prefix = next((prefix for level, prefix in _JOURNAL if record.levelno >= level), "<7>")
        return "\n".join(f"{prefix}{line}" for line in self._words(record).split("\n"))


class _Json(logging.Formatter):
    """One object a line; what the words say is there in fields, too."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            document["trace"] = self.formatException(record.exc_info)
        return json.dumps(document)


class NodeLog:
    """The lines of a node; `told` hears the words of each change, too, as the status shows the last ones."""

    def __init__(self, told: Callable[[str], None] = lambda _words: None) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._told = told
        self._problems: dict[str, dict[str, int]] = {}
        self._happened: deque[str] = deque(maxlen=_LATEST)

    def synchronized(
        self,
        sync: Sync,
        changes: Iterable[ServiceChange] = (),
        *,
        subject: str = "",
        waited_seconds: float = 0.0,
        touched: str = "",
        is_asked_for: bool = False,
    ) -> None:
        """A synchronization has ended: one line, and with many Services one more for each under ``--verbose``.

        A full one that found nothing to do is told under ``--verbose`` only, unless it was asked for, and a failure
        that repeats itself is told once more whenever its words change. Where no Service is concerned, it says what was
        `touched`; a `subject` says what it was about, which is known better elsewhere.
        """
        listed = list(changes)
        fields = {
            "sync": sync.kind.value,
            "operations": sync.operations,
            "milliseconds": round(sync.seconds * 1000, 3),
            "waitedMilliseconds": round(waited_seconds * 1000, 3),
            "services": [_name(change) for change in listed[:_MANY]],
        }
        if sync.error:
            self.state("synchronization", f"synchronization failed, nothing has changed: {sync.error}", fields=fields)
            return
        self.state("synchronization", "")
        effort = f"{counted(sync.operations, 'operation')}; {duration(sync.seconds)}"
        what = "".join(map(change_words, listed)) if len(listed) <= 1 else counted(len(listed), "Service")
        if not listed and sync.kind is SyncKind.FULL:
            what = subject or ("verified" if not sync.operations else "made right")
        if not listed and touched:
            what = f"{what or 'changed'}: {touched}"
        words = f"{what or 'changed'}; {effort}"
        has_news = bool(listed or sync.operations)
        self._say(logging.INFO if has_news or is_asked_for else logging.DEBUG, words, fields)
        if has_news:
            self._told(words)
        if len(listed) > 1:
            for change in listed:
                # Few are said in any case; a cold start is one line.
                level = logging.INFO if len(listed) <= _MANY else logging.DEBUG
                self._say(level, change_words(change), {"service": _name(change)})

    def event(self, words: str, *, severity: Severity = Severity.WARNING, **fields: Any) -> None:
        """Something that happened once, such as drift; the status shows it among the last changes."""
        level = logging.INFO if severity is Severity.INFO else _LEVELS[severity]
        self._say(level, words, fields)
        self._told(words)

    def note(self, words: str) -> None:
        """Something that the node does without being a change, such as to start."""
        self._say(logging.INFO, words, {})

    def state(self, topic: str, trouble: str, *, fields: Mapping[str, Any] | None = None) -> None:
        """What is wrong with a topic now, or nothing: said when it changes, and when it is over."""
        before = self._problems.get(topic, {})
        if trouble:
            if trouble not in before:
                self._say(logging.ERROR, trouble, fields or {})
            self._problems[topic] = {trouble: logging.ERROR}
        elif before:
            del self._problems[topic]
            self._say(logging.INFO, f"{topic}: works again", {})

    def problems(self, topic: str, now: Iterable[Problem]) -> None:
        """All problems of a topic, such as what a source reports: new ones are told, and those that are over."""
        known = self._problems.get(topic, {})
        present = {_words(problem): problem for problem in now}
        self.news(topic, [problem for text, problem in present.items() if text not in known])
        self._resolved(topic, known.keys() - present.keys())

    def news(self, topic: str, new: Iterable[Problem], resolved: Iterable[Problem] = ()) -> None:
        """What has come up and what is over since before; whatever was told already is not told again."""
        known = self._problems.setdefault(topic, {})
        for problem in new:
            text = _words(problem)
            if text not in known:
                known[text] = self._problem(problem, text)
        self._resolved(topic, known.keys() & set(map(_words, resolved)))

    def happened(self, problems: Iterable[Problem]) -> None:
        """What is over when it is told, and so is never resolved; what one of the last ones was is not told again."""
        for problem in problems:
            text = _words(problem)
            if text not in self._happened:
                self._happened.append(text)
                self._problem(problem, text)

    def _problem(self, problem: Problem, text: str) -> int:
        """Its level, once it is told."""
        level = _LEVELS[problem.severity]
        self._say(level, text, {"rule": problem.rule, "object": str(problem.object) if problem.object else None})
        return level

    def _resolved(self, topic: str, texts: Iterable[str]) -> None:
        known = self._problems.setdefault(topic, {})
        for text in sorted(texts):
            # What was not worth a line is not worth one when it is over.
            self._say(min(logging.INFO, known.pop(text)), f"resolved: {text}", {})

    def _say(self, level: int, words: str, fields: Mapping[str, Any]) -> None:
        self._logger.log(level, "%s", words, extra={_FIELDS: dict(fields)})


def counted(count: int, what: str) -> str:
    """A number of things in words: ``1 operation``, ``2 operations``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _words(problem: Problem) -> str:
    """A problem in a line, whose weight is that of the line."""
    place = f"{problem.source}: " if problem.source else ""
    subject = f"{problem.object}: " if problem.object else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{place}{subject}{problem.message()}{hint}"


def change_words(change: ServiceChange) -> str:
    """What became of a Service: ``web/shop: endpoints +1 -1``."""
    parts = [] if change.fate is ServiceFate.CHANGED else [change.fate.value]
    counts = [
        f"{sign}{len(found)}"
        for sign, found in (("+", change.endpoints_added), ("-", change.endpoints_removed))
        if found
    ]
    if counts:
        parts.append(f"endpoints {' '.join(counts)}")
    return f"{_name(change)}: {', '.join(parts) or 'changed'}"


def _name(change: ServiceChange) -> str:
    return f"{change.service.namespace}/{change.service.name}"
