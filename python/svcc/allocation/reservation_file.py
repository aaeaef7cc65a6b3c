"""Reservations as files, in YAML or JSON, and as the IPAddress objects of a cluster.

::

    clusterIPs:
      10.96.0.10: kube-system/kube-dns
    nodePorts:
      30080: shop/web:80
      30081: shop/web:health-check
    loadBalancerIPs:
      192.0.2.10: [shop/web, shop/api]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from attrs import field, frozen

from svcc.addresses import canonical_address
from svcc.allocation.reservation import API_VERSION, KIND, Reservation
from svcc.errors import InputError, SettingsError
from svcc.fields import printable

__all__ = ["read_reservation"]

_KEYS: Final = ("clusterIPs", "nodePorts", "loadBalancerIPs")
_MOST_DEPTH: Final = 16
_PORT: Final = re.compile("[0-9]{1,5}")
_Loader: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_reservation(text: str, name: str) -> Reservation:
    """Read a reservation; `name` is the file's, for errors.

    `kubectl get ipaddresses -o yaml` (or json) can be read, too: its objects reserve cluster IPs for their Services.
    Several YAML documents, and objects in a List, are put together.

    Raises:
        InputError: it is none; the message says what is wrong and where.
    """
    found = _Found(name)
    try:
        documents = [json.loads(text, object_pairs_hook=_unique)] if text.lstrip().startswith("{") else _yaml(text)
        for document in documents:
            found.add(document, "")
        return Reservation(
            cluster_ips=found.cluster_ips, node_ports=found.node_ports, load_balancer_ips=found.load_balancer_ips
        )
    except yaml.YAMLError as error:
        raise InputError(f"{name}: it is not YAML: {printable(' '.join(str(error).split()))}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{name}: it is not JSON: {error}") from None
    except _FlawError as error:
        raise InputError(f"{name}: {printable(str(error))}") from None
    except SettingsError as error:
        raise InputError(f"{name}: {printable(error.message.removeprefix('reservation: '))}") from None
    except RecursionError:
        raise InputError(f"{name}: it is nested too deeply") from None


class _FlawError(Exception):
    """What is wrong with a document."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _FlawError(f'"{key}" is there twice')
        result[key] = value
    return result


def _yaml(text: str) -> list[Any]:
    """The documents of a YAML text; all scalars are text, since addresses and names may look like something else."""
    documents: list[Any] = []
    # Of each list or map that is open: itself, or for a map the pairs so far, the last of which may lack its value.
    stack: list[list[Any]] = []
    kinds: list[bool] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _FlawError(f"{_line(event)}: aliases are not read")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(stack) == _MOST_DEPTH:
                raise _FlawError(f"{_line(event)}: it is nested too deeply")
            stack.append([])
            kinds.append(isinstance(event, yaml.MappingStartEvent))
            continue
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            items = stack.pop()
            value: Any = _pairs(items) if kinds.pop() else items
        elif isinstance(event, yaml.ScalarEvent):
            value = event.value
        else:
            continue
        (stack[-1] if stack else documents).append(value)
    return documents


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


def _pairs(items: list[Any]) -> dict[str, Any]:
    for key in items[::2]:
        if not isinstance(key, str):
            raise _FlawError("a key is no text")
    return _unique(list(zip(items[::2], items[1::2], strict=True)))


@frozen
class _Found:
    """What has been read so far."""

    name: str
    cluster_ips: dict[str, str] = field(factory=dict)
    node_ports: dict[int, str] = field(factory=dict)
    load_balancer_ips: dict[str, tuple[str, ...]] = field(factory=dict)

    def add(self, document: Any, place: str) -> None:
        if document in (None, ""):
            return
        if not isinstance(document, dict):
            raise _FlawError(f"{place}it is no map of {', '.join(_KEYS)}")
        kind = document.get("kind", KIND)
        if kind == "IPAddress":
            self._add_ip_address(document, place)
        elif kind in ("List", "IPAddressList"):
            items = document.get("items") or []
            if not isinstance(items, list):
                raise _FlawError(f"{place}items is no list")
            for index, item in enumerate(items):
                self.add(item, f"items[{index}]: ")
        elif kind == KIND:
            self._add_reservation(document, place)
        else:
            raise _FlawError(f"{place}a {kind} is no reservation")

    def _add_ip_address(self, document: Mapping[str, Any], place: str) -> None:
        """An IPAddress of networking.k8s.io: its name is the address (KEP-1880)."""
        metadata, spec = document.get("metadata"), document.get("spec")
        parent = spec.get("parentRef") if isinstance(spec, dict) else None
        if not isinstance(metadata, dict) or not isinstance(parent, dict):
            raise _FlawError(f"{place}the IPAddress lacks its name or its parentRef")
        owner = "{}/{}".format(parent.get("namespace", ""), parent.get("name", ""))
        if parent.get("resource") != "services":
            owner = f"{parent.get('resource', '')} {owner}"
        _put(self.cluster_ips, _address(metadata.get("name"), f"{place}metadata.name"), owner, place)

    def _add_reservation(self, document: Mapping[str, Any], place: str) -> None:
        if document.get("apiVersion", API_VERSION) != API_VERSION:
            raise _FlawError(f"{place}apiVersion is not {API_VERSION}")
        unknown = sorted(set(document) - {*_KEYS, "apiVersion", "kind"})
        if unknown:
            raise _FlawError(f"{place}unknown {', '.join(unknown)}; known are {', '.join(_KEYS)}")
        for address, owner in _entries(document, "clusterIPs", place):
            path = f"{place}clusterIPs[{address}]"
            _put(self.cluster_ips, _address(address, path), _owner(owner, path), f"{place}clusterIPs: ")
        for port, owner in _entries(document, "nodePorts", place):
            path = f"{place}nodePorts[{port}]"
            if not _PORT.fullmatch(port):
                raise _FlawError(f"{path} is no port")
            _put(self.node_ports, int(port), _owner(owner, path), f"{place}nodePorts: ")
        for address, owner in _entries(document, "loadBalancerIPs", place):
            path = f"{place}loadBalancerIPs[{address}]"
            owners = owner if isinstance(owner, list) else [owner]
            names = tuple(_owner(name, path) for name in owners)
            _put(self.load_balancer_ips, _address(address, path), names, f"{place}loadBalancerIPs: ")


def _entries(document: Mapping[str, Any], key: str, place: str) -> list[tuple[str, Any]]:
    entries = document.get(key) or {}
    if not isinstance(entries, dict):
        raise _FlawError(f"{place}{key} is no map of numbers to their owners")
    return list(entries.items())


def _address(text: object, path: str) -> str:
    canonical = canonical_address(text) if isinstance(text, str) else None
    if canonical is None:
        raise _FlawError(f"{path} is no IP address")
    return canonical


def _owner(owner: object, path: str) -> str:
    if owner is None:
        return ""
    if not isinstance(owner, str):
        raise _FlawError(f"{path}: the owner is no text, such as shop/web")
    return owner.strip()


def _put(entries: dict[Any, Any], key: Any, owner: Any, place: str) -> None:
    """Add an entry, unless two spellings of one number name different owners."""
    if entries.setdefault(key, owner) != owner:
        raise _FlawError(f"{place}{key} is there twice, for {entries[key]} and for {owner}")
