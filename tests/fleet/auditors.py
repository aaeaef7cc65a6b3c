"""Auditors whose reports tell who made them; worker processes import them from here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from attrs import frozen

from svcc.auditing.finding import AuditReport, Scope, Verdict
from svcc.auditing.node_dump import NodeDump
from svcc.errors import InputError


@frozen
class Telling:
    """Says how many bytes a dump has and which process counted them; does as the dump says.

    ``broken`` cannot be read, ``deadly`` ends the process, and ``deadly once`` does so if nobody did before. Every
    attempt leaves a file in `attempts`.
    """

    attempts: Path
    seconds: float = 0

    def __call__(self, dump: NodeDump, data: bytes) -> AuditReport:
        (self.attempts / f"{dump.node}.{os.getpid()}.{time.monotonic_ns()}").touch()
        if data == b"broken":
            raise InputError(f"{dump.path}: the dump cannot be read: it is broken")
        if data == b"deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        return AuditReport(dump.node, str(dump.path), Verdict.PROVED, scope=Scope(len(data), (str(os.getpid()),)))

    def times(self, node: str) -> int:
        """How often the audit of a node was begun."""
        return len(list(self.attempts.glob(f"{node}.*")))
