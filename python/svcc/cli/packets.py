"""Packets as lines of JSON, from a file or as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from svcc.errors import InputError
from svcc.trace.notation import leaving_by, packet_from_json
from svcc.trace.packet import Packet

__all__ = ["NoPacket", "PacketDefaults", "packets_of_file", "packets_of_stream"]


@frozen
class PacketDefaults:
    """What the options say about packets that do not say it themselves."""

    hook: str
    interface: str | None
    mark: int
    output_interface: str | None = None

    def completed(self, packet: Packet) -> Packet:
        """The packet, with the interface where it leaves if it does not say one itself."""
        if self.output_interface is None or packet.output_interface is not None:
            return packet
        return leaving_by(packet, self.output_interface)


@frozen
class NoPacket:
    """A line that is no packet."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def packets_of_file(name: str, defaults: PacketDefaults) -> list[Packet]:
    """The packets of a whole file.

    Raises:
        InputError: some lines are no packets; the message names all of them.
        OSError: the file cannot be read.
    """
    with Path(name).open("rb") as stream:
        lines = list(_lines(stream, name, defaults))
    wrong = [line for line in lines if isinstance(line, NoPacket)]
    if wrong:
        what = "1 line is no packet" if len(wrong) == 1 else f"{len(wrong)} lines are no packets"
        raise InputError("\n".join([f"{what}:", *map(str, wrong)]))
    return [line for line in lines if isinstance(line, Packet)]


def packets_of_stream(stream: BinaryIO, defaults: PacketDefaults) -> Iterator[Packet | NoPacket]:
    """The packets of standard input, each as soon as its line is there."""
    return _lines(stream, "<stdin>", defaults)


def _lines(stream: BinaryIO, name: str, defaults: PacketDefaults) -> Iterator[Packet | NoPacket]:
    # Not a loop over the stream: that would read ahead, and somebody may wait for the answer to a line.
    for number, line in enumerate(iter(stream.readline, b""), 1):
        if not line.strip():
            continue
        try:
            packet = packet_from_json(
                line.decode(), hook=defaults.hook, interface=defaults.interface, mark=defaults.mark
            )
            yield defaults.completed(packet)
        except ValueError as error:
            yield NoPacket(name, number, str(error))
