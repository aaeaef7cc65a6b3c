"""JUnit XML, which build servers read: the parts that all reports of svcc share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from svcc.fields import printable

__all__ = ["count_cases", "document_text", "joined"]


def document_text(root: ET.Element) -> Iterator[str]:
    """The document, its cases counted."""
    count_cases(root, list(root.iter("testcase")))
    ET.indent(root)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"{ET.tostring(root, encoding='unicode')}\n"


def count_cases(element: ET.Element, cases: Sequence[ET.Element]) -> None:
    """Say in a suite, or in all of them, how many of its cases failed."""
    element.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(key, str(sum(case.find(tag) is not None for case in cases)))


def joined(lines: Sequence[str]) -> str:
    """Lines without the characters that XML cannot hold, which are all among those that nobody can print."""
    return "\n" + "\n".join(printable(line) for line in lines).rstrip() + "\n"
