"""The formats of a report of an audit, for whoever needs no more of them than their names."""

from __future__ import annotations

__all__ = ["SUFFIXES"]

SUFFIXES = {"table": ".txt", "json": ".json", "sarif": ".sarif", "junit": ".xml", "github": ".txt", "html": ".html"}
"""How the names of files end, by format."""
