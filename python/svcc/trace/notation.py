"""Packets as people and programs write them: ``tcp 10.0.0.2:40000 > 10.96.0.1:80``, and lines of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.errors import InputError
from svcc.fields import printable
from svcc.model.service import Protocol
from svcc.trace.packet import Packet

__all__ = ["ServiceResolver", "leaving_by", "packet_from_json", "packet_from_text", "place_text", "protocol_text"]

ServiceResolver = Callable[[str, IPFamily, Protocol], tuple[str, int]]
"""From the text behind ``svc/`` to an address of the family and a port; raises InputError where there is none."""

_ARROW: Final = re.compile(r"\s*(?:->|>|→)\s*")
_EXAMPLE: Final = "write it as in: tcp 10.0.0.2:40000 > 10.96.0.1:80, or udp [fd00::2] > [fd00:96::a]:53"
_HOOKS: Final = ("prerouting", "output")
_SERVICE: Final = re.compile(r"(?:svc|services?)/(.+)", re.IGNORECASE)
_INTERFACE: Final = re.compile(r"[!-.0-~]{1,15}")
_ICMP: Final = "icmp"
_ICMP_NUMBERS: Final = {IPFamily.IPV4: 1, IPFamily.IPV6: 58}
_KEYS: Final = frozenset(
    {
        "protocol",
        "source",
        "source_port",
        "destination",
        "destination_port",
        "hook",
        "interface",
        "output_interface",
        "mark",
    }
)


def packet_from_text(
    text: str,
    *,
    hook: str = "prerouting",
    interface: str | None = None,
    mark: int = 0,
    resolve: ServiceResolver | None = None,
) -> Packet:
    """A packet in people's notation: protocol, source, arrow, destination; the source's port may be left out.

    `resolve` makes ``svc/NAME.NAMESPACE:PORT`` a destination. ``icmp``, which is ping, has no ports.

    Raises:
        InputError: the text is no packet; the message says what is wrong with it.
    """
    try:
        return _read(text, hook, interface, mark, resolve)
    except ValueError as error:
        raise InputError(f'"{printable(text)}" is no packet: {error}', hint=_EXAMPLE) from None


def _read(text: str, hook: str, interface: str | None, mark: int, resolve: ServiceResolver | None) -> Packet:
    words = text.split(maxsplit=1)
    ends = _ARROW.split(words[1]) if len(words) == 2 else []
    if len(ends) != 2:
        raise ValueError("it is not a protocol, a source, > and a destination")
    protocol = _protocol(words[0])
    source, source_port = _place(ends[0], "the source")
    service = _SERVICE.fullmatch(ends[1].strip())
    destination: str
    destination_port: int | None
    if service is None:
        destination, destination_port = _place(ends[1], "the destination")
    elif resolve is None:
        raise ValueError("Services can be named only where there are manifests (-f)")
    elif protocol == _ICMP:
        raise ValueError("ping an address, not a Service")
    else:
        destination, destination_port = resolve(service[1], family_of(source), Protocol(protocol))
    if destination_port is None and protocol != _ICMP:
        raise ValueError("the destination needs a port")
    return _packet(protocol, source, source_port, destination, destination_port, hook, interface, mark)


def packet_from_json(line: str, *, hook: str = "prerouting", interface: str | None = None, mark: int = 0) -> Packet:
    """A packet from a JSON object; `hook`, `interface` and `mark` are for those that do not say.

    Raises:
        ValueError: the line is no such object; the message says what is wrong with it.
    """
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if type(value) is not dict:
        raise ValueError("it is not a JSON object")
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise ValueError(f"unknown {', '.join(map(printable, unknown))}; known are {', '.join(sorted(_KEYS))}")
    needed = ["protocol", "source", "destination"]
    if value.get("protocol") not in ("icmp", "ICMP"):
        needed.append("destination_port")
    missing = [key for key in needed if value.get(key) is None]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing")
    packet = _packet(
        _protocol(_typed(value, "protocol", str)),
        _address(_typed(value, "source", str), "source"),
        _port(value["source_port"], "source_port") if value.get("source_port") is not None else None,
        _address(_typed(value, "destination", str), "destination"),
        _port(value["destination_port"], "destination_port") if value.get("destination_port") is not None else None,
        _typed(value, "hook", str) if value.get("hook") is not None else hook,
        _typed(value, "interface", str) if value.get("interface") is not None else interface,
        _typed(value, "mark", int) if value.get("mark") is not None else mark,
    )
    if value.get("output_interface") is None:
        return packet
    return leaving_by(packet, _typed(value, "output_interface", str))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, if no key stands there twice: whichever of them were taken, somebody meant the other."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{' and '.join(map(printable, twice))} given twice")
    return value


def leaving_by(packet: Packet, interface: str) -> Packet:
    """The packet, leaving the node by an interface, if it leaves.

    Raises:
        ValueError: it is no name of an interface.
    """
    if not _INTERFACE.fullmatch(interface):
        raise ValueError(f'"{printable(interface)}" is not an interface name of 1 to 15 plain characters')
    return evolve(packet, output_interface=interface)


def place_text(address: str, port: int | None) -> str:
    """An address and port as people write them; only the address where there is no port."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def protocol_text(packet: Packet) -> str:
    """A packet's protocol as people write it."""
    if isinstance(packet.protocol, Protocol):
        return packet.protocol.value.lower()
    return _ICMP if packet.protocol in _ICMP_NUMBERS.values() else f"protocol {packet.protocol}"


def _packet(
    protocol: str,
    source: str,
    source_port: int | None,
    destination: str,
    destination_port: int | None,
    hook: str,
    interface: str | None,
    mark: int,
) -> Packet:
    number: Protocol | int = _ICMP_NUMBERS[family_of(source)] if protocol == _ICMP else Protocol(protocol)
    if protocol == _ICMP and (source_port is not None or destination_port is not None):
        raise ValueError("icmp has no ports")
    if interface is not None and not _INTERFACE.fullmatch(interface):
        raise ValueError(f'"{printable(interface)}" is not an interface name of 1 to 15 plain characters')
    if hook == "output":
        if interface is not None:
            raise ValueError("what a node sends itself comes in by no interface")
        return Packet(number, source, destination, source_port, destination_port, "output", mark=mark)
    if hook != "prerouting":
        raise ValueError(f'the hook "{printable(hook)}" is none of {", ".join(_HOOKS)}')
    return Packet(
        number, source, destination, source_port, destination_port, "prerouting", input_interface=interface, mark=mark
    )


def _protocol(text: str) -> str:
    """A protocol of Services as the API spells it, or ``icmp``."""
    if text.lower() == _ICMP:
        return _ICMP
    try:
        return Protocol(text.upper())
    except ValueError:
        raise ValueError(f'the protocol "{printable(text)}" is none of tcp, udp, sctp, icmp') from None


def _place(text: str, what: str) -> tuple[str, int | None]:
    """``ADDRESS``, ``ADDRESS:PORT``, ``[ADDRESS]`` or ``[ADDRESS]:PORT``."""
    text = text.strip()
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    if bracketed:
        address, port = bracketed[1], bracketed[2]
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, None
    return _address(address, what), None if port is None else _port_text(port, what)


def _address(text: str, what: str) -> str:
    address = canonical_address(text)
    if address is None:
        raise ValueError(f'{what} "{printable(text)}" is no IP address')
    return address


def _port_text(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ValueError(f'the port "{printable(text)}" of {what} is not a number from 1 to 65535')
    return _port(int(text), f"the port of {what}")


def _port(value: Any, what: str) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise ValueError(f"{what} is not a number from 1 to 65535")
    return value


def _typed(value: Mapping[str, Any], key: str, wanted: type[Any]) -> Any:
    found = value[key]
    if type(found) is not wanted:
        raise ValueError(f"{key} is not a {'string' if wanted is str else 'number'}")
    return found
