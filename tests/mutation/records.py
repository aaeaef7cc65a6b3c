"""Clients that session affinity remembers, put into a ruleset as its packets would have done."""

from __future__ import annotations

import re

from tests.mutation.bases import Base
from tests.mutation.document import Document

_CLIENT_KEY = re.compile(r"update @affinity \{ ct original ip6? saddr \. numgen inc mod 1 offset (\d+)")


def with_record(base: Base, document: Document, client: str, address: str, port: int) -> Document:
    """The document with a client that is remembered to use an endpoint; how it is written, the base says.

    kube-proxy has a set of clients for each endpoint; svcc one map from clients to numbers of endpoints.
    """
    for place, block in document.places():
        if not block.is_dynamic:
            continue
        if block.kind == "set" and block.name.endswith(f"__{address}/{port}"):
            return document.with_items(place, client)
        if block.kind == "map" and block.name == "affinity":
            return document.with_items(place, _element(base, client, f"{address} . {port}"))
    return document


def _element(base: Base, client: str, endpoint: str) -> str:
    found = _CLIENT_KEY.search(base.document.text)
    values = [
        key.rpartition(" . ")[2]
        for _, block in base.document.places()
        if block.name.startswith("sticky-endpoints")
        for key, _, value in (element.rpartition(" : ") for element in block.items)
        if value == endpoint
    ]
    if found is None or not values:
        raise ValueError(f"{base.name} remembers nobody")
    return f"{client} . {found[1]} : {values[0]}"
