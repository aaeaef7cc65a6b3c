"""The configuration of kube-proxy becomes settings."""

from __future__ import annotations

from typing import Any

import pytest

from svcc.manifest.kube_proxy import KubeProxySettings, kube_proxy_settings
from svcc.manifest.kube_proxy_process import ProcessSettings
from svcc.manifest.load import load_text
from svcc.model.cluster import ClusterSettings, DetectLocalMode
from svcc.validate import RULES
from tests.unit.rule_rows.row import Row, said

HEAD = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}

KUBEADM = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-proxy, namespace: kube-system}
data:
  kubeconfig.conf: |
    apiVersion: v1
    kind: Config
  config.conf: |-
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    bindAddress: 0.0.0.0
    bindAddressHardFail: false
    clientConnection:
      acceptContentTypes: ""
      burst: 0
    clusterCIDR: 10.244.0.0/16
    configSyncPeriod: 0s
    conntrack: {maxPerCore: null}
    detectLocal:
      bridgeInterface: ""
      interfaceNamePrefix: ""
    detectLocalMode: ""
    hostnameOverride: ""
    iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s}
    kind: KubeProxyConfiguration
    mode: nftables
    nftables: {masqueradeAll: true, masqueradeBit: 15}
    nodePortAddresses: null
"""


def test_the_config_map_of_kubeadm_is_read() -> None:
    loaded = load_text(KUBEADM)
    assert loaded.problems == ()
    assert loaded.skipped == {}
    assert loaded.kube_proxy is not None
    assert loaded.kube_proxy.mode == "nftables"
    assert loaded.kube_proxy.cluster_settings() == {
        "cluster_cidrs": ("10.244.0.0/16",),
        "masquerade_all": True,
        "masquerade_bit": 15,
    }


def test_a_problem_in_the_config_map_says_where() -> None:
    loaded = load_text(KUBEADM.replace("masqueradeBit: 15", "masqueradeBit: 32"), file="dump.yaml")
    assert [str(problem) for problem in loaded.problems] == [
        (
            "dump.yaml:2 (config.conf):18: error: KubeProxyConfiguration kube-proxy: nftables.masqueradeBit: "
            "Invalid value: 32: must be within the range [0, 31]"
        )
    ]


def test_other_config_maps_are_skipped() -> None:
    loaded = load_text(KUBEADM.replace("name: kube-proxy", "name: coredns"))
    assert (loaded.kube_proxy, loaded.skipped) == (None, {"ConfigMap": 1})


FULL: dict[str, Any] = {
    **HEAD,
    "clusterCIDR": "10.244.0.0/16,FD00::/56",
    "nodePortAddresses": ["192.0.2.0/24", "2001:db8::/32"],
    "detectLocalMode": "InterfaceNamePrefix",
    "detectLocal": {"interfaceNamePrefix": "veth"},
    "nftables": {"masqueradeAll": True, "masqueradeBit": 0},
    "hostnameOverride": "node-1",
    "featureGates": {"AllowServiceExternalIPs": False, "SomethingElse": True},
    "mode": "nftables",
    "healthzBindAddress": "0.0.0.0:10256",
    "metricsBindAddress": "[::1]:10249",
    "syncPeriod": "1h",
    "minSyncPeriod": "100ms",
}


def test_everything_that_is_read() -> None:
    assert kube_proxy_settings(FULL) == (
        KubeProxySettings(
            cluster_cidrs=("10.244.0.0/16", "fd00::/56"),
            nodeport_addresses=("192.0.2.0/24", "2001:db8::/32"),
            detect_local_mode=DetectLocalMode.INTERFACE_NAME_PREFIX,
            pod_interface_name_prefix="veth",
            masquerade_all=True,
            masquerade_bit=0,
            hostname_override="node-1",
            allow_service_external_ips=False,
            mode="nftables",
            process=ProcessSettings(
                healthz_bind_address="0.0.0.0:10256",
                metrics_bind_address="[::1]:10249",
                sync_period=3600,
                min_sync_period=0.1,
            ),
        ),
        [],
    )


PERIODS = [("30s", 30.0), ("1h0m0s", 3600.0), ("1.5h", 5400.0), (".5m", 30.0), ("2ms500us", 0.0025), ("+1µs", 1e-6)]


@pytest.mark.parametrize(("text", "seconds"), PERIODS)
def test_periods_are_written_as_go_does(text: str, seconds: float) -> None:
    settings, problems = kube_proxy_settings({**HEAD, "iptables": {"syncPeriod": text}})
    assert not problems
    assert settings.process.sync_period == pytest.approx(seconds)


def test_periods_of_nftables_come_first_and_zero_says_nothing() -> None:
    sections = {"nftables": {"syncPeriod": "10s", "minSyncPeriod": "0s"}, "iptables": {"minSyncPeriod": "2s"}}
    process = kube_proxy_settings({**HEAD, **sections, "syncPeriod": "20s"})[0].process
    assert (process.sync_period, process.min_sync_period) == (10, 2)
    process = kube_proxy_settings({**HEAD, "healthzBindAddress": "", "syncPeriod": "0", "minSyncPeriod": "3s"})[
        0
    ].process
    assert process == ProcessSettings(min_sync_period=3)


@pytest.mark.parametrize("text", ["0.0.0.0:10256", "::", "[::1]:1", "192.0.2.1"])
def test_an_address_may_come_without_a_port(text: str) -> None:
    settings, problems = kube_proxy_settings({**HEAD, "metricsBindAddress": text})
    assert (settings.process.metrics_bind_address, problems) == (text, [])


def test_settings_of_a_cluster_take_what_is_read() -> None:
    settings = ClusterSettings(**kube_proxy_settings(FULL)[0].cluster_settings())
    assert (settings.masquerade_bit, settings.pod_interface_name_prefix) == (0, "veth")
    assert settings.detect_local_mode is DetectLocalMode.INTERFACE_NAME_PREFIX
    assert not settings.allow_service_external_ips


def test_an_empty_configuration_says_nothing() -> None:
    settings, problems = kube_proxy_settings(HEAD)
    assert (settings.cluster_settings(), problems) == ({}, [])


@pytest.mark.parametrize(
    ("nftables", "iptables", "expected"),
    [
        ({"masqueradeAll": False, "masqueradeBit": 1}, {"masqueradeAll": True, "masqueradeBit": 2}, (False, 1)),
        ({"masqueradeAll": None, "masqueradeBit": None}, {"masqueradeAll": True, "masqueradeBit": 2}, (True, 2)),
        (None, {"masqueradeAll": True, "masqueradeBit": 2}, (True, 2)),
        ({"masqueradeBit": 0}, {"masqueradeBit": 2}, (None, 0)),
    ],
)
def test_a_field_that_nftables_lacks_comes_from_iptables(
    nftables: dict[str, Any] | None, iptables: dict[str, Any], expected: tuple[bool | None, int]
) -> None:
    settings, problems = kube_proxy_settings({**HEAD, "nftables": nftables, "iptables": iptables})
    assert (settings.masquerade_all, settings.masquerade_bit) == expected
    assert problems == []


def test_primary_stands_for_the_addresses_of_the_node_object() -> None:
    assert kube_proxy_settings({**HEAD, "nodePortAddresses": ["primary"]})[0].nodeport_addresses == ("primary",)


ROWS = [
    Row(
        "a cluster CIDR is a CIDR",
        {"clusterCIDR": "10.244.0.0"},
        [
            (
                "kube-proxy/cluster-cidr-invalid",
                (
                    'clusterCIDR: Invalid value: "10.244.0.0": must be a valid CIDR block '
                    "(e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)"
                ),
            )
        ],
    ),
    Row(
        "two cluster CIDRs are of two families",
        {"clusterCIDR": "10.244.0.0/16,10.245.0.0/16"},
        [
            (
                "kube-proxy/cluster-cidr-invalid",
                (
                    'clusterCIDR: Invalid value: "10.244.0.0/16,10.245.0.0/16": only one CIDR allowed or a valid '
                    "DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)"
                ),
            )
        ],
    ),
    Row(
        "a node port address is a CIDR",
        {"nodePortAddresses": ["10.0.0.0/8", "eth0"]},
        [
            (
                "kube-proxy/node-port-address-invalid",
                'nodePortAddresses[1]: Invalid value: "eth0": must be a valid CIDR',
            )
        ],
    ),
    Row(
        "primary stands alone",
        {"nodePortAddresses": ["primary", "10.0.0.0/8"]},
        [
            (
                "kube-proxy/node-port-address-primary-alone",
                'nodePortAddresses: Invalid value: ["primary","10.0.0.0/8"]: can\'t use both \'primary\' and CIDRs',
            )
        ],
    ),
    Row(
        "a packet mark has 32 bits",
        {"nftables": {"masqueradeBit": -1}},
        [
            (
                "kube-proxy/masquerade-bit-out-of-range",
                "nftables.masqueradeBit: Invalid value: -1: must be within the range [0, 31]",
            )
        ],
    ),
    Row(
        "what is listened on is an IP and a port",
        {"healthzBindAddress": "localhost:10256", "metricsBindAddress": "127.0.0.1:0"},
        [
            (
                "kube-proxy/bind-address-invalid",
                'healthzBindAddress: Invalid value: "localhost:10256": must be a valid IP',
            ),
            (
                "kube-proxy/bind-address-invalid",
                'metricsBindAddress: Invalid value: "127.0.0.1:0": must be a valid port',
            ),
        ],
    ),
    Row(
        "an IPv6 address with a port is in brackets",
        {"healthzBindAddress": "::1:x"},
        [("kube-proxy/bind-address-invalid", 'healthzBindAddress: Invalid value: "::1:x": must be IP:port')],
    ),
    Row(
        "in two brackets",
        {"metricsBindAddress": "[::1:80"},
        [("kube-proxy/bind-address-invalid", 'metricsBindAddress: Invalid value: "[::1:80": must be IP:port')],
    ),
    Row(
        "a period has a unit and is not negative",
        {"nftables": {"syncPeriod": "30"}, "iptables": {"minSyncPeriod": "-1s"}},
        [
            (
                "kube-proxy/period-invalid",
                'nftables.syncPeriod: Invalid value: "30": time: invalid duration "30"',
            ),
            (
                "kube-proxy/period-invalid",
                'iptables.minSyncPeriod: Invalid value: "-1s": must be greater than or equal to 0',
            ),
        ],
    ),
    Row(
        "an unknown mode of local detection is refused",
        {"detectLocalMode": "None"},
        [
            (
                "kube-proxy/detect-local-mode-unsupported",
                (
                    'detectLocalMode: Unsupported value: "None": supported values: "BridgeInterface", "ClusterCIDR", '
                    '"InterfaceNamePrefix", "NodeCIDR"'
                ),
            )
        ],
    ),
    Row(
        "detection by bridge names the bridge",
        {"detectLocalMode": "BridgeInterface"},
        [
            (
                "kube-proxy/interface-required",
                'detectLocal.bridgeInterface: Invalid value: "": must not be empty',
            )
        ],
    ),
    Row(
        "misspelt fields are pointed out",
        {"nodeportAddresses": ["10.0.0.0/8"], "nftables": {"masqueradebit": 3}},
        [
            (
                "kube-proxy/field-misspelt",
                'nodeportAddresses: unknown field "nodeportAddresses", did you mean "nodePortAddresses"?',
            ),
            (
                "kube-proxy/field-misspelt",
                'nftables.masqueradebit: unknown field "masqueradebit", did you mean "masqueradeBit"?',
            ),
        ],
    ),
    Row(
        "a boolean in quotes is none",
        {"nftables": {"masqueradeAll": "true"}},
        [
            (
                "manifest/wrong-type",
                (
                    'nftables.masqueradeAll: Invalid value: "string": '
                    'nftables.masqueradeAll in body must be of type boolean: "string"'
                ),
            )
        ],
    ),
    Row("fields that have nothing to do with svcc are ignored", {"futureField": 1, "ipvs": {"scheduler": "rr"}}, []),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_kube_proxy_would_say(row: Row) -> None:
    settings, problems = kube_proxy_settings({**HEAD, **row.change})
    assert said(problems) == row.expected
    assert settings.cluster_settings() == {}


def test_every_rule_for_kube_proxy_has_a_row() -> None:
    covered = {rule for row in ROWS for rule, _ in row.expected} - {"manifest/wrong-type"}
    assert covered == {rule for rule in RULES if rule.startswith("kube-proxy/")}
