"""Talking to a name server: zone transfers and updates, signed, over TCP; through dnspython.

Sources: RFC 5936 (transfer), RFC 2136 (update), RFC 8945 (TSIG).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from attrs import frozen

from svcc.dns.contract import Record
from svcc.dns.dnspython import dnspython_rdata
from svcc.dns.frames import frames_of_exchange
from svcc.dns.tsig_key import ALGORITHMS, TsigKey
from svcc.dns.update import Update
from svcc.errors import InputError, TargetError

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdata
    import dns.rdatatype
    import dns.tsig
    import dns.update
    import dns.xfr
    import dns.zone
except ImportError:
    raise InputError(
        "this needs dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["NameServer", "ServedZone", "ServerLostError", "ServerRefusedError", "ZoneChangedError", "spelled"]

_NAMES_IN_DATA = frozenset({"CNAME", "DNAME", "MX", "NS", "PTR", "SRV"})
_KEY_HINT = "name, algorithm and secret of --key must be those that the server has"


class ServerRefusedError(TargetError):
    """The server answered, and did not do what it was asked."""


class ServerLostError(TargetError):
    """No answer came: the server is not there, or went away, or is too slow."""


class ZoneChangedError(TargetError):
    """What an update builds upon is not so (any more): somebody else has changed the zone."""


@frozen
class ServedZone:
    """A zone as a server has it; `soa` is the data of its SOA record, `serial` the number in it."""

    name: str
    serial: int
    soa: str
    records: tuple[Record, ...]


def spelled(record_type: str, data: str) -> str:
    """Data as dnspython prints it, names in lower case, so that equal data are equal texts."""
    if record_type in {"A", "CNAME", "PTR", "SRV"}:
        return " ".join(data.lower().split())  # the same, without the time that it takes to parse
    text: str = dns.rdata.from_text("IN", record_type, data).to_text()
    return text.lower() if record_type in _NAMES_IN_DATA else text


@frozen
class NameServer:
    """A server at an IP address; `timeout_seconds` is how long a connection and each answer may take."""

    address: str
    port: int
    key: TsigKey
    timeout_seconds: float = 10.0

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def transfer(self, zone: str) -> ServedZone:
        """All records of a zone, from a transfer that is signed from its first to its last message.

        Raises:
            ServerRefusedError: the server does not have the zone, or does not give it to this key.
            ServerLostError: there is no whole transfer.
        """
        found = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
        what = f"{zone}: transfer"
        try:
            self._transfer(found)
        except dns.xfr.TransferError as error:
            raise self._refused(what, error.rcode) from None
        except (dns.exception.DNSException, OSError, EOFError, struct.error) as error:
            raise self._failed(what, error) from None
        soa = found.get_soa()
        return ServedZone(zone, soa.serial, soa.to_text(), tuple(_records(found)))

    def _transfer(self, zone: dns.zone.Zone) -> None:
        """Fill a zone, or leave it empty; the order of events is that of `dns.query.inbound_xfr`."""
        query, _ = dns.xfr.make_query(zone, serial=None, keyring=self._keyring())
        signing = None
        done = False
        with (
            frames_of_exchange(self.address, self.port, query.to_wire(), self.timeout_seconds) as frames,
            dns.xfr.Inbound(zone, dns.rdatatype.AXFR) as inbound,
        ):
            while not done:
                answer = dns.message.from_wire(
                    next(frames),
                    keyring=query.keyring,
                    request_mac=query.mac,
                    xfr=True,
                    origin=zone.from_wire_origin(),
                    tsig_ctx=signing,
                    multi=True,
                )
                if answer.id != query.id:
                    raise dns.query.BadResponse
                done = inbound.process_message(answer)
                # Messages between the first and the last may be without, being covered by the next (RFC 8945, 5.3.1).
                if not answer.had_tsig and (done or signing is None):
                    raise ServerLostError(f"{zone.origin}: transfer: the answer of {self} cannot be used: no signature")
                signing = answer.tsig_ctx

    def update(self, update: Update) -> None:
        """Send an update, which the server carries out in whole or not at all (RFC 2136, 3.7).

        Raises:
            ZoneChangedError: its condition is not met.
            ServerRefusedError: nothing was changed, for another reason.
            ServerLostError: no answer that can be trusted came, so that it is not known whether the zone was changed.
        """
        what = f"{update.zone}: update"
        message = self._message(update)
        try:
            answer = dns.query.tcp(message, self.address, timeout=self.timeout_seconds, port=self.port)
        except dns.tsig.PeerBadKey:
            # Knot's answer to a key that it knows, and has transferred the zone to, but does not allow to update.
            raise ServerRefusedError(
                f"{what}: {self} refuses (BADKEY), so nothing was changed", hint=self._permission
            ) from None
        except (dns.exception.DNSException, OSError, EOFError, struct.error) as error:
            raise self._failed(what, error) from None
        code = answer.rcode()
        if code in {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN}:
            raise ZoneChangedError(f"{what}: the zone was changed by somebody else in the meantime")
        if code != dns.rcode.NOERROR:
            raise self._refused(what, code)
        if not answer.had_tsig:
            raise ServerLostError(f"{what}: the answer of {self} is not signed, so it may be anybody's")

    def _message(self, update: Update) -> dns.update.UpdateMessage:
        message = dns.update.UpdateMessage(update.zone, keyring=self._keyring())
        message.present(update.required.name, dnspython_rdata(update.required))
        for change in update.changes:
            data = dnspython_rdata(change.record)
            if change.is_added:
                message.add(change.record.name, change.record.ttl, data)
            else:
                message.delete(change.record.name, data)
        return message

    @property
    def _permission(self) -> str:
        return f"the server's configuration must allow it to the key {self.key.name}"

    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        name = dns.name.from_text(self.key.name)
        algorithm = dns.name.from_text(ALGORITHMS[self.key.algorithm])
        return {name: dns.tsig.Key(name, self.key.secret, algorithm)}

    def _refused(self, what: str, code: dns.rcode.Rcode) -> ServerRefusedError:
        text = dns.rcode.to_text(code)
        reason, hint = {
            "REFUSED": ("refuses", self._permission),
            "NOTAUTH": ("does not serve this zone", "the server must be the zone's primary; --only names zones"),
            "NOTIMP": ("takes no updates of this zone", "the server must be the zone's primary and allow updates"),
            "NOTZONE": ("says that names are not in the zone", None),
            "SERVFAIL": ("failed", "its log says why: often it may not write into the folder of its zones"),
        }.get(text, ("refuses", None))
        return ServerRefusedError(f"{what}: {self} {reason} ({text})", hint=hint)

    def _failed(self, what: str, error: Exception) -> TargetError:
        """What it means that an exchange raised an error of dnspython or of the connection."""
        for kind, reason, hint in (
            (dns.tsig.PeerBadKey, "does not know the key (BADKEY)", _KEY_HINT),
            (dns.tsig.PeerBadSignature, "has another secret for the key (BADSIG)", _KEY_HINT),
            (dns.tsig.PeerBadTime, "has another time (BADTIME)", "set both clocks: 300 seconds apart is too much"),
            (dns.tsig.PeerError, "refuses the signature", _KEY_HINT),
        ):
            if isinstance(error, kind):
                return ServerRefusedError(f"{what}: {self} {reason}, so nothing was changed", hint=hint)
        if isinstance(error, dns.exception.Timeout | TimeoutError):
            return ServerLostError(f"{what}: {self} has not answered within {self.timeout_seconds:g} seconds")
        if isinstance(error, EOFError):
            return ServerLostError(f"{what}: {self} has closed the connection before it answered")
        if isinstance(error, OSError):
            return ServerLostError(f"{what}: {self}: {error.strerror or error}")
        return ServerLostError(f"{what}: the answer of {self} cannot be used: {type(error).__name__}: {error}")


def _records(zone: dns.zone.Zone) -> Iterable[Record]:
    for name, lifetime, data in zone.iterate_rdatas():
        record_type = dns.rdatatype.to_text(data.rdtype)
        text = data.to_text()
        yield Record(
            name.to_text().lower(), record_type, text.lower() if record_type in _NAMES_IN_DATA else text, lifetime
        )
