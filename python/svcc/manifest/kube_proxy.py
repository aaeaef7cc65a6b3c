"""kube-proxy's own configuration, so that svcc compiles for a cluster as its kube-proxy would.

Read from a KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1), as a document of its own or inside the ConfigMap
`kube-system/kube-proxy`, where kubeadm keeps it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from svcc.addresses import canonical_prefix, family_of
from svcc.fields import ObjectReference, Problem, Source
from svcc.manifest.kube_proxy_process import ProcessSettings, process_settings
from svcc.model.cluster import PRIMARY, DetectLocalMode
from svcc.validate.findings import Findings, Path
from svcc.validate.ip import cidr_errors
from svcc.wire.structure import Fields, Items, Scalar, conformed

__all__ = ["KubeProxySettings", "kube_proxy_settings"]

_SECTION = Fields(
    {
        "masqueradeAll": Scalar.BOOLEAN,
        "masqueradeBit": Scalar.INTEGER,
        "syncPeriod": Scalar.STRING,
        "minSyncPeriod": Scalar.STRING,
    }
)

_CONFIGURATION = Fields(
    {
        "clusterCIDR": Scalar.STRING,
        "nodePortAddresses": Items(Scalar.STRING),
        "detectLocalMode": Scalar.STRING,
        "detectLocal": Fields({"bridgeInterface": Scalar.STRING, "interfaceNamePrefix": Scalar.STRING}),
        "nftables": _SECTION,
        "iptables": _SECTION,
        "healthzBindAddress": Scalar.STRING,
        "metricsBindAddress": Scalar.STRING,
        "syncPeriod": Scalar.STRING,
        "minSyncPeriod": Scalar.STRING,
        "hostnameOverride": Scalar.STRING,
        "featureGates": Fields({"AllowServiceExternalIPs": Scalar.BOOLEAN}),
        "mode": Scalar.STRING,
    }
)

_KNOWN_FIELDS = frozenset(_CONFIGURATION.shapes) | {
    "apiVersion",
    "bindAddress",
    "bindAddressHardFail",
    "clientConnection",
    "configSyncPeriod",
    "conntrack",
    "enableProfiling",
    "ipvs",
    "kind",
    "linux",
    "logging",
    "oomScoreAdj",
    "portRange",
    "showHiddenMetricsForVersion",
    "udpIdleTimeout",
    "windows",
    "windowsRunAsService",
    "winkernel",
}
_KNOWN_SECTION_FIELDS = {
    "detectLocal": frozenset({"bridgeInterface", "interfaceNamePrefix"}),
    "nftables": frozenset({"masqueradeAll", "masqueradeBit", "minSyncPeriod", "syncPeriod"}),
    "iptables": frozenset({"localhostNodePorts", "masqueradeAll", "masqueradeBit", "minSyncPeriod", "syncPeriod"}),
}
_MODES = ("BridgeInterface", "ClusterCIDR", "InterfaceNamePrefix", "NodeCIDR")
_LARGEST_BIT = 31


@frozen(kw_only=True)
class KubeProxySettings:
    """What a KubeProxyConfiguration says; None where it is silent, or where what it says is a problem.

    `process` is for whoever runs as kube-proxy does. `masquerade_all` and `masquerade_bit` come from the section
    `nftables`; a field that it lacks comes from `iptables`, because a cluster that moves to nftables usually still has
    its values there. (kube-proxy itself would take the default in nftables mode.)
    """

    cluster_cidrs: tuple[str, ...] | None = None
    nodeport_addresses: tuple[str, ...] | None = None
    detect_local_mode: DetectLocalMode | None = None
    pod_bridge_interface: str | None = None
    pod_interface_name_prefix: str | None = None
    masquerade_all: bool | None = None
    masquerade_bit: int | None = None
    allow_service_external_ips: bool | None = None
    hostname_override: str | None = None
    mode: str | None = None
    process: ProcessSettings = field(factory=ProcessSettings)
    source: Source | None = None

    def cluster_settings(self) -> dict[str, Any]:
        """The arguments for `ClusterSettings` that the configuration gives, for whoever merges them under flags."""
        values = {
            "cluster_cidrs": self.cluster_cidrs,
            "nodeport_addresses": self.nodeport_addresses,
            "detect_local_mode": self.detect_local_mode,
            "pod_bridge_interface": self.pod_bridge_interface,
            "pod_interface_name_prefix": self.pod_interface_name_prefix,
            "masquerade_all": self.masquerade_all,
            "masquerade_bit": self.masquerade_bit,
            "allow_service_external_ips": self.allow_service_external_ips,
        }
        return {name: value for name, value in values.items() if value is not None}


def kube_proxy_settings(
    value: Mapping[str, Any], source: Source | None = None
) -> tuple[KubeProxySettings, list[Problem]]:
    """Read a KubeProxyConfiguration; a field with a problem is left out of the settings.

    Paths are spelled as in the file. Unknown fields are ignored, with a warning when they resemble one svcc reads.
    """
    findings = Findings(ObjectReference("KubeProxyConfiguration", "kube-proxy"), source)
    read = conformed(value, _CONFIGURATION, findings.wrong_type)
    _check_spelling(value, findings)
    local = read.get("detectLocal", {})
    masquerade = {**read.get("iptables", {}), **read.get("nftables", {})}
    settings = KubeProxySettings(
        cluster_cidrs=_cluster_cidrs(read.get("clusterCIDR", ""), findings),
        nodeport_addresses=_nodeport_addresses(read.get("nodePortAddresses", []), findings),
        detect_local_mode=_detect_local_mode(read, findings),
        pod_bridge_interface=local.get("bridgeInterface") or None,
        pod_interface_name_prefix=local.get("interfaceNamePrefix") or None,
        masquerade_all=masquerade.get("masqueradeAll"),
        masquerade_bit=_masquerade_bit(read, findings),
        allow_service_external_ips=read.get("featureGates", {}).get("AllowServiceExternalIPs"),
        hostname_override=read.get("hostnameOverride") or None,
        mode=read.get("mode") or None,
        process=process_settings(read, findings),
        source=source,
    )
    return settings, findings.problems


def _cluster_cidrs(text: str, findings: Findings) -> tuple[str, ...] | None:
    if not text.strip():
        return None
    parts = [part.strip() for part in text.split(",")]
    canonical = [canonical_prefix(part) for part in parts]
    families = {family_of(part) for part in canonical if part is not None}
    if None in canonical or len(families) != len(parts):
        one = "must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)"
        several = "only one CIDR allowed or a valid DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)"
        detail = one if len(parts) == 1 else several
        findings.invalid("kube-proxy/cluster-cidr-invalid", ("clusterCIDR",), text, detail)
        return None
    return tuple(part for part in canonical if part is not None)


def _nodeport_addresses(texts: list[str], findings: Findings) -> tuple[str, ...] | None:
    if not texts:
        return None
    before = len(findings)
    path: Path = ("nodePortAddresses",)
    if PRIMARY in texts:
        if len(texts) > 1:
            detail = "can't use both 'primary' and CIDRs"
            findings.invalid("kube-proxy/node-port-address-primary-alone", path, texts, detail)
    else:
        for index, text in enumerate(texts):
            if cidr_errors(text):
                rule = "kube-proxy/node-port-address-invalid"
                findings.invalid(rule, (*path, index), text, "must be a valid CIDR")
    return tuple(canonical_prefix(text) or text for text in texts) if len(findings) == before else None


def _detect_local_mode(read: Mapping[str, Any], findings: Findings) -> DetectLocalMode | None:
    mode = read.get("detectLocalMode", "")
    local = read.get("detectLocal", {})
    if not mode:
        return None
    if mode not in _MODES:
        findings.unsupported("kube-proxy/detect-local-mode-unsupported", ("detectLocalMode",), mode, _MODES)
        return None
    needed = {"BridgeInterface": "bridgeInterface", "InterfaceNamePrefix": "interfaceNamePrefix"}.get(mode)
    if needed is not None and not local.get(needed, "").strip():
        path: Path = ("detectLocal", needed)
        findings.invalid("kube-proxy/interface-required", path, local.get(needed, ""), "must not be empty")
        return None
    return DetectLocalMode(mode)


def _masquerade_bit(read: Mapping[str, Any], findings: Findings) -> int | None:
    for section in ("nftables", "iptables"):
        bit: int | None = read.get(section, {}).get("masqueradeBit")
        if bit is not None and 0 <= bit <= _LARGEST_BIT:
            return bit
        if bit is not None:
            detail = f"must be within the range [0, {_LARGEST_BIT}]"
            findings.invalid("kube-proxy/masquerade-bit-out-of-range", (section, "masqueradeBit"), bit, detail)
            return None
    return None


def _check_spelling(value: Mapping[str, Any], findings: Findings) -> None:
    _check_section((), value, _KNOWN_FIELDS, frozenset(_CONFIGURATION.shapes), findings)
    for name, known in _KNOWN_SECTION_FIELDS.items():
        section = value.get(name)
        if isinstance(section, Mapping):
            _check_section((name,), section, known, known, findings)


def _check_section(
    path: Path, value: Mapping[Any, Any], known: frozenset[str], read: frozenset[str], findings: Findings
) -> None:
    """Go matches field names exactly, so `nodeportAddresses` would be silently without effect."""
    by_lower_case = {name.lower(): name for name in sorted(read)}
    for name in value:
        if isinstance(name, str) and name not in known:
            close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.8)
            if close:
                sentence = f'unknown field {json.dumps(name)}, did you mean "{by_lower_case[close[0]]}"?'
                findings.notice("kube-proxy/field-misspelt", (*path, name), sentence)
