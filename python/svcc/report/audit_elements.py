"""HTML made of elements, so that no text from outside can become markup."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from svcc.fields import printable

__all__ = ["Content", "Element", "element", "markup"]

Element = ET.Element
Content = str | ET.Element | None


def element(tag: str, /, *children: Content | Iterable[Content], **attributes: str | bool | None) -> Element:
    """An element; text is made printable, and escaped as it is written.

    Attributes that are None or False are left out, and True ones have no value. ``class_`` is `class`, and other
    underscores are dashes. Children that are None are left out.

    >>> markup(element("p", "1 < 2 ", element("b", "really"), class_="note", data_kind=None))
    '<p class="note">1 &lt; 2 <b>really</b></p>'
    """
    made = ET.Element(tag)
    for key, value in attributes.items():
        if value is not None and value is not False:
            made.set(key.rstrip("_").replace("_", "-"), "" if value is True else printable(value))
    last: ET.Element | None = None
    for child in _flat(children):
        if not isinstance(child, str):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + printable(child)
        else:
            last.tail = (last.tail or "") + printable(child)
    return made


def markup(root: Element) -> str:
    """An element as HTML."""
    return ET.tostring(root, encoding="unicode", method="html")


def _flat(children: Iterable[Content | Iterable[Content]]) -> Iterable[str | Element]:
    for child in children:
        if isinstance(child, str | ET.Element):
            yield child
        elif child is not None:
            yield from (item for item in child if item is not None)
