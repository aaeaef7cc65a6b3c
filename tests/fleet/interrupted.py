"""Audits a fleet of dumps that take for ever: a program to be interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

from svcc.auditing.fleet import audit_fleet
from svcc.auditing.node_dump import NodeDump
from tests.fleet.auditors import Telling

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    dumps = [NodeDump(f"n{number}", folder / f"n{number}.json") for number in range(6)]
    audit_fleet(dumps, Telling(folder / "attempts", 600), processes=2)
