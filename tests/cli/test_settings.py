"""Every setting has an effect, by flag and, where kube-proxy has it too, by its configuration; flags win."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen

from svcc.cli import cli
from tests.cli.command import svcc
from tests.cli.manifests import endpoint_slice, node, service, text

CLUSTER = text(
    service(type="NodePort", ports=[{"name": "http", "port": 80, "nodePort": 30080}], externalIPs=["198.51.100.9"]),
    endpoint_slice(),
    node(),
)
PROXY_NAME = "service.kubernetes.io/service-proxy-name"
NO_SETTINGS = {"filenames", "namespace", "all_namespaces", "selector", "recursive", "config", "output", "strict"} | {
    "quiet",
    "verbose",
    "color",
    "help",
}


@frozen
class Setting:
    """A setting by flag; what it puts into the ruleset, unless that takes another cluster and a test of its own.

    `configured` is the same in a KubeProxyConfiguration.
    """

    flags: tuple[str, ...]
    shown: str
    configured: dict[str, Any] | None = None


SETTINGS = {
    "node": Setting(("--node", "worker-2"), "# The Services for node worker-2,", {"hostnameOverride": "worker-2"}),
    "service_cidr": Setting(("--service-cidr", "10.96.0.0/20"), "10.96.0.0/20"),
    "cluster_cidr": Setting(("--cluster-cidr", "10.240.0.0/12"), "10.240.0.0/12", {"clusterCIDR": "10.240.0.0/12"}),
    "nodeport_addresses": Setting(
        ("--nodeport-addresses", "192.168.0.0/16"), "192.168.0.0/16", {"nodePortAddresses": ["192.168.0.0/16"]}
    ),
    "local_address": Setting(("--local-address", "192.168.0.77"), ""),
    "masquerade_all": Setting(
        ("--masquerade-all",), "10.96.0.10 . 80 : jump mark-always", {"nftables": {"masqueradeAll": True}}
    ),
    "masquerade_bit": Setting(
        ("--masquerade-bit", "3"), "meta mark set meta mark | 0x8", {"nftables": {"masqueradeBit": 3}}
    ),
    "detect_local_mode": Setting(("--detect-local-mode", "NodeCIDR"), "10.244.1.0/24", {"detectLocalMode": "NodeCIDR"}),
    "pod_bridge_interface": Setting(
        ("--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "cni0"),
        'iifname != "cni0"',
        {"detectLocalMode": "BridgeInterface", "detectLocal": {"bridgeInterface": "cni0"}},
    ),
    "pod_interface_name_prefix": Setting(
        ("--detect-local-mode", "InterfaceNamePrefix", "--pod-interface-name-prefix", "cali"),
        'iifname != "cali*"',
        {"detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": "cali"}},
    ),
    "allow_service_external_ips": Setting(
        ("--no-allow-service-external-ips",), "", {"featureGates": {"AllowServiceExternalIPs": False}}
    ),
    "service_proxy_name": Setting(("--service-proxy-name", "mine"), ""),
}
CONFIGURABLE = sorted(name for name, setting in SETTINGS.items() if setting.configured is not None)


def configuration(**fields: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            **fields,
        }
    )


def compiled(*arguments: str, stdin: str = CLUSTER) -> str:
    outcome = svcc("compile", "-f", "-", *arguments, stdin=stdin)
    assert outcome.code == 0
    assert "error:" not in outcome.err
    return outcome.out


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_every_setting_of_compile_is_tested_here() -> None:
    options = {option.name for option in cli.commands["compile"].params if isinstance(option, click.Option)}
    assert options - NO_SETTINGS == set(SETTINGS)


@pytest.mark.parametrize("name", sorted(name for name, setting in SETTINGS.items() if setting.shown))
def test_a_flag_shows_in_the_ruleset(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.shown not in compiled()
    assert setting.shown in compiled(*setting.flags)


def test_external_ips_are_served_unless_forbidden() -> None:
    assert "198.51.100.9 . 80" in compiled()
    assert compiled("--allow-service-external-ips") == compiled()
    assert "198.51.100.9 . 80" not in compiled("--no-allow-service-external-ips")


def test_only_services_of_the_named_proxy_are_served() -> None:
    foreign = service("foreign", "10.96.0.66")
    foreign["metadata"]["labels"] = {PROXY_NAME: "mine"}
    manifest = text(service(), foreign)
    assert "10.96.0.66" not in compiled(stdin=manifest)
    outcome = compiled("--service-proxy-name", "mine", stdin=manifest)
    assert "10.96.0.66" in outcome
    assert "10.96.0.10" not in outcome


def test_local_addresses_serve_node_ports_where_no_node_is_given() -> None:
    manifest = text(service(type="NodePort", ports=[{"name": "http", "port": 80, "nodePort": 30080}]))
    assert "192.168.0.77" not in compiled(stdin=manifest)
    assert "192.168.0.77" in compiled(*SETTINGS["local_address"].flags, stdin=manifest)


@pytest.mark.parametrize("name", CONFIGURABLE)
def test_kube_proxys_configuration_does_what_the_flag_does(name: str, config: Path) -> None:
    setting = SETTINGS[name]
    config.write_text(configuration(**(setting.configured or {})))
    by_config = compiled("--config", str(config))
    assert by_config == compiled(*setting.flags)
    assert by_config != compiled()


@pytest.mark.parametrize("name", CONFIGURABLE)
def test_a_configuration_among_the_manifests_counts(name: str) -> None:
    setting = SETTINGS[name]
    assert compiled(stdin=CLUSTER + configuration(**(setting.configured or {}))) == compiled(*setting.flags)


@pytest.mark.parametrize(
    ("configured", "flags"),
    [
        ({"hostnameOverride": "worker-2"}, ["--node", "worker-1"]),
        ({"clusterCIDR": "10.240.0.0/12"}, ["--cluster-cidr", "10.244.0.0/16"]),
        ({"nodePortAddresses": ["10.0.0.0/8"]}, ["--nodeport-addresses", "primary"]),
        ({"nftables": {"masqueradeBit": 3}}, ["--masquerade-bit", "0"]),
        ({"nftables": {"masqueradeAll": False}}, ["--masquerade-all"]),
        ({"featureGates": {"AllowServiceExternalIPs": False}}, ["--allow-service-external-ips"]),
        ({"detectLocalMode": "NodeCIDR"}, ["--detect-local-mode", "None"]),
        (
            {"detectLocalMode": "BridgeInterface", "detectLocal": {"bridgeInterface": "cni0"}},
            ["--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "br0"],
        ),
        (
            {"detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": "cali"}},
            ["--detect-local-mode", "InterfaceNamePrefix", "--pod-interface-name-prefix", "veth"],
        ),
    ],
)
def test_flags_win_over_the_configuration(configured: dict[str, Any], flags: list[str], config: Path) -> None:
    config.write_text(configuration(**configured))
    by_flags = compiled(*flags)
    assert compiled("--config", str(config), *flags) == by_flags
    assert compiled("--config", str(config)) != by_flags


def test_the_named_configuration_wins_over_one_among_the_manifests(config: Path) -> None:
    config.write_text(configuration(nftables={"masqueradeBit": 5}))
    manifest = CLUSTER + configuration(nftables={"masqueradeBit": 3})
    assert compiled("--config", str(config), stdin=manifest) == compiled("--masquerade-bit", "5")


def test_a_configuration_with_a_mistake_is_told_and_nothing_is_compiled(config: Path) -> None:
    config.write_text(configuration(nftables={"masqueradeBit": 99, "masqueradeAll": True}))
    outcome = svcc("compile", "-f", "-", "--config", str(config), stdin=CLUSTER)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{config}:1: error: KubeProxyConfiguration" in outcome.err
    assert "must be within the range [0, 31]" in outcome.err


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        ("--service-cidr", ("10.96.0.0/20", "fd00:96::/112")),
        ("--cluster-cidr", ("10.240.0.0/12", "fd00:240::/48")),
        ("--nodeport-addresses", ("192.168.0.0/16", "172.16.0.0/12")),
        ("--local-address", ("192.168.0.77", "192.168.0.78")),
    ],
)
def test_lists_are_repeated_or_separated_by_commas(flag: str, values: tuple[str, str]) -> None:
    manifest = text(service(type="NodePort", ports=[{"name": "http", "port": 80, "nodePort": 30080}]))
    repeated = compiled(flag, values[0], flag, values[1], stdin=manifest)
    assert all(value in repeated for value in values)
    assert compiled(flag, ",".join(values), stdin=manifest) == repeated
    assert compiled(flag, f" {values[0]} , {values[1]},", stdin=manifest) == repeated
    assert compiled(flag, values[0], stdin=manifest) != repeated
