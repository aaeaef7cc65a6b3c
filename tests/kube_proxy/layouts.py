"""What differs between the releases of Kubernetes."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Plain = Literal["never", "one endpoint"]


@frozen
class Layout:
    """How a range of releases arranges its rules.

    Attributes:
        first: the first release that has the layout.
        refuses_before_translation: all filter base chains are at priority -110, and only cluster IPs are checked behind
            the address translation of the output hook, at -90. Else there are eight base chains, refusals at 0.
        chain_per_endpoint: each endpoint has a chain with its hairpin test; without it, only where there is affinity.
        plain_single_endpoint: a single endpoint is written as such and not drawn from a map of one.
    """

    first: str
    refuses_before_translation: bool = False
    chain_per_endpoint: bool = False
    plain_single_endpoint: bool = False


_OLD = Layout("1.29", refuses_before_translation=True, chain_per_endpoint=True)
_EIGHT_BASE_CHAINS = Layout("1.33", chain_per_endpoint=True)
_SQUASHED = Layout("1.36")
_PLAIN = Layout("1.37", plain_single_endpoint=True)

_BY_VERSION = {
    **dict.fromkeys(("1.29", "1.30", "1.31", "1.32"), _OLD),
    **dict.fromkeys(("1.33", "1.34", "1.35"), _EIGHT_BASE_CHAINS),
    "1.36": _SQUASHED,
    "1.37": _PLAIN,
}
LAYOUTS = tuple(_BY_VERSION)
"""All releases that can be asked for."""

DISTINCT_LAYOUTS = tuple(dict.fromkeys(layout.first for layout in _BY_VERSION.values()))
"""One release for each arrangement that differs from the others."""


def layout_of(version: str) -> Layout:
    """The layout of a release, such as ``1.34``; ValueError if there is none of it."""
    if version not in _BY_VERSION:
        raise ValueError(f"no layout of Kubernetes {version}: choose from {', '.join(LAYOUTS)}")
    return _BY_VERSION[version]
