"""Whether a table sleeps, which nft 1.0.6 must not be asked.

A dormant table's rules are not run. That nft prints the words of a table's flags in JSON from memory that it has freed:
the listing may be no JSON, and the process may end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from svcc.apply.session import listed_objects
from svcc.errors import TargetError
from svcc.netlink import NETFILTER, NetlinkSocket, attribute, attributes, netfilter_header

__all__ = ["dormant_table"]

_AFFINITY_MAP: Final = "affinity"
# linux/netfilter/nf_tables.h
_GET_TABLE: Final = 10 << 8 | 1
_NAME, _FLAGS = 1, 2
_DORMANT: Final = 1
_FAMILIES: Final = {"ip": 2, "ip6": 10}


def dormant_table(family: str, name: str, listing: Callable[[str], str | None]) -> list[dict[str, Any]] | None:
    """What is listed of a dormant table: that it is one, and its records of session affinity.

    None of a table that is awake, or is not there. `listing` answers a command of nft in JSON, or None where nothing
    is there; of a map it names no flags of its table.

    Raises:
        TargetError: the kernel does not answer, or its records cannot be listed.
    """
    body = netfilter_header(_FAMILIES[family]) + attribute(_NAME, name.encode() + b"\0")
    try:
        with NetlinkSocket(NETFILTER) as asking:
            [answer] = asking.ask_each(_GET_TABLE, [body])
    except OSError as error:
        raise TargetError(f"the kernel does not tell of table {family} {name}: {error.strerror or error}") from error
    flags = None if answer is None else attributes(answer, len(netfilter_header(0))).get(_FLAGS)
    if flags is None or not int.from_bytes(flags, "big") & _DORMANT:
        return None
    text = listing(f"list map {family} {name} {_AFFINITY_MAP}")
    records = [] if text is None else [item for item in listed_objects(json.loads(text)) if "map" in item]
    return [{"table": {"family": family, "name": name, "flags": ["dormant"]}}, *records]
