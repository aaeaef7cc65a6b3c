"""Ranges of port numbers, as flags of the API server and sysctl write them."""

from __future__ import annotations

import re

from attrs import field, frozen

from svcc.errors import SettingsError

__all__ = ["PortRange"]

_MOST = 65535
_WRITTEN = re.compile(r"(\d{1,5})(?:\s*([-+])\s*|\s+)(\d{1,5})|(\d{1,5})")


@frozen(order=True)
class PortRange:
    """The ports from `first` to `last`, both included.

    Raises:
        SettingsError: a port is not from 1 to 65535, or the last comes before the first.
    """

    first: int
    last: int = field()

    @last.validator
    def _in_order(self, _attribute: object, value: int) -> None:
        if not 1 <= self.first <= value <= _MOST:
            raise SettingsError(f"{self.first}-{value}: a range of ports is from 1 to {_MOST}, the lower number first")

    @classmethod
    def of(cls, text: str) -> PortRange:
        """Read ``30000-32767``, ``30000+2767`` (`--service-node-port-range`), one port, or ``32768 60999`` (sysctl).

        Raises:
            SettingsError: it is no range.
        """
        found = _WRITTEN.fullmatch(text.strip()) if text.isascii() else None
        if found is None:
            raise SettingsError(f"{text!r} is no range of ports, such as 30000-32767")
        first, sign, last, alone = found.groups()
        if alone:
            return cls(int(alone), int(alone))
        return cls(int(first), int(first) + int(last) if sign == "+" else int(last))

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.first <= port <= self.last

    def shared_with(self, other: PortRange) -> PortRange | None:
        """The ports that both ranges have."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return PortRange(first, last) if first <= last else None

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
