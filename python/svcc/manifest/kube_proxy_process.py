"""What a KubeProxyConfiguration says of the process: where it answers, and how often it writes and reads rules.

kube-proxy takes an empty address and a time of zero for its defaults, and so they are nothing said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.periods import seconds_of
from svcc.validate.findings import Findings, Path

__all__ = ["ProcessSettings", "process_settings"]


@frozen(kw_only=True)
class ProcessSettings:
    """What it says; None where it is silent, or where what it says is a problem.

    Attributes:
        healthz_bind_address: an address, or ``ADDRESS:PORT``, with an IPv6 address in brackets there.
        metrics_bind_address: the same.
        sync_period: seconds, as the other.
    """

    healthz_bind_address: str | None = None
    metrics_bind_address: str | None = None
    sync_period: float | None = None
    min_sync_period: float | None = None


def process_settings(read: Mapping[str, Any], findings: Findings) -> ProcessSettings:
    """What a configuration says, which has been read.

    Periods come from the section `nftables`; one that it lacks comes from `iptables`, and one that both lack from the
    configuration itself, where v1alpha2 has them.
    """
    return ProcessSettings(
        healthz_bind_address=_address(read, "healthzBindAddress", findings),
        metrics_bind_address=_address(read, "metricsBindAddress", findings),
        sync_period=_period(read, "syncPeriod", findings),
        min_sync_period=_period(read, "minSyncPeriod", findings),
    )


def _address(read: Mapping[str, Any], field: str, findings: Findings) -> str | None:
    text: str = read.get(field, "")
    if not text or canonical_address(text) is not None:
        return text or None
    address, colon, port = text.rpartition(":")
    is_six = address.startswith("[") and address.endswith("]")
    if not colon or (":" in address and not is_six):
        findings.invalid("kube-proxy/bind-address-invalid", (field,), text, "must be IP:port")
    elif canonical_address(address[1:-1] if is_six else address) is None:
        findings.invalid("kube-proxy/bind-address-invalid", (field,), text, "must be a valid IP")
    elif not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 2**16):
        findings.invalid("kube-proxy/bind-address-invalid", (field,), text, "must be a valid port")
    else:
        return text
    return None


def _period(read: Mapping[str, Any], field: str, findings: Findings) -> float | None:
    sections: tuple[tuple[Path, Mapping[str, Any]], ...] = (
        (("nftables",), read.get("nftables", {})),
        (("iptables",), read.get("iptables", {})),
        ((), read),
    )
    for place, section in sections:
        path = (*place, field)
        text: str = section.get(field, "")
        seconds = seconds_of(text) if text else 0.0
        if seconds is None:
            findings.invalid("kube-proxy/period-invalid", path, text, f'time: invalid duration "{text}"')
            return None
        if seconds < 0:
            findings.invalid("kube-proxy/period-invalid", path, text, "must be greater than or equal to 0")
            return None
        if seconds:
            return seconds
    return None
