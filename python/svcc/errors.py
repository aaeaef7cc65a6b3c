"""What can go wrong, and with which exit code the command line ends.

The tree::

    SvccError            4  a bug in svcc, unless a subclass says otherwise
      + InputError       2  input that cannot be used at all: unreadable, empty, not a manifest
      + SettingsError    2  cluster settings that contradict each other or make no sense
      + FindingsError    1  input was read; it contains problems and the caller asked to be strict
      + TargetError      3  the kernel, nft or libnftables refused or is missing

Problems *in* manifests are no exceptions: they are `svcc.fields.Problem` values, collected and reported together.
"""

from __future__ import annotations

from typing import ClassVar


class SvccError(Exception):
    """The base of all errors svcc raises on purpose; `exit_code` is what the command line returns."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(SvccError):
    """Input that cannot be used at all."""

    exit_code = 2


class SettingsError(SvccError):
    """Cluster settings or options that contradict each other or make no sense."""

    exit_code = 2


class FindingsError(SvccError):
    """The input was understood, has problems, and the caller asked for strictness."""

    exit_code = 1


class TargetError(SvccError):
    """The kernel, the nft program or libnftables is missing, refused or failed."""

    exit_code = 3
