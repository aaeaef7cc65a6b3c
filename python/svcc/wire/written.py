"""Objects as they are written in a text, whose members become values only when they are asked for.

Most of a large cluster is endpoints, and most of the rest nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from svcc.model.endpoints import WrittenEndpoints

__all__ = ["ObjectText", "WrittenObject"]


class ObjectText(Protocol):
    """What a reader knows of an object."""

    def names(self) -> list[str]:
        """The names of the members, as often as they are written."""

    def has(self, name: str) -> bool:
        """Whether there is a member."""

    def member(self, name: str, unread: str | None = None) -> Any:
        """The value of a member, made anew each time; in an object without that of `unread`, which is None then.

        Raises `KeyError` if there is no such member.
        """

    def get(self, name: str) -> Any:
        """The value of a member, or None."""

    def place(self, name: str) -> tuple[int, int] | None:
        """Where the value of a member starts and ends; see `WrittenObject.place`."""

    def plain_endpoints(
        self, address_type: str, endpoint: Callable[..., Any], target: Callable[..., Any], /
    ) -> WrittenEndpoints | None:
        """See `WrittenObject.plain_endpoints`."""


class WrittenObject(Mapping[str, Any]):
    """An object as plain data; equal to the dict of its members."""

    __slots__ = ("_text",)

    def __init__(self, text: ObjectText) -> None:
        self._text = text

    def __getitem__(self, name: str) -> Any:
        return self._text.member(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a member, or the default."""
        if default is None:
            return self._text.get(name)
        return self._text.member(name) if self._text.has(name) else default

    def without(self, name: str, unread: str) -> Any:
        """The value of a member, which may be an object with a large member `unread`: the value of that is None here.

        Raises `KeyError` if there is no such member.
        """
        return self._text.member(name, unread)

    def place(self, name: str) -> tuple[int, int] | None:
        """The characters of the object, from where to where, that are the value of a member; None if there is none."""
        return self._text.place(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._text.has(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self._text.names()))

    def __len__(self) -> int:
        return len(set(self._text.names()))

    def __repr__(self) -> str:
        return repr(dict(self))

    def plain_endpoints(
        self, address_type: str, endpoint: Callable[..., Any], target: Callable[..., Any]
    ) -> WrittenEndpoints | None:
        """The endpoints of a slice of IPv4 or IPv6, made with these classes, if no rule has anything to say about them.

        None is no more than a doubt: then `endpoints` must be read as any other field.
        """
        return self._text.plain_endpoints(address_type, endpoint, target)
