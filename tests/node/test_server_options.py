"""From flags to where a node answers, and what is said without the extra."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svcc.cli.node_server_options import server_options
from svcc.errors import SettingsError
from svcc.manifest.kube_proxy_process import ProcessSettings
from svcc.node.listeners import TcpPlace
from svcc.node.servers import ServerSettings


def given(*arguments: str, configured: ProcessSettings = ProcessSettings()) -> ServerSettings:  # noqa: B008  (frozen)
    @click.command
    @server_options
    def node(*, server_settings: Callable[[ProcessSettings], ServerSettings]) -> ServerSettings:
        return server_settings(configured)

    outcome = CliRunner().invoke(node, arguments, standalone_mode=False)
    if outcome.exception is not None:
        raise outcome.exception
    found: ServerSettings = outcome.return_value
    return found


def test_without_flags_a_node_answers_where_kube_proxy_does() -> None:
    assert given() == ServerSettings()
    assert given().healthz == TcpPlace("0.0.0.0", 10256)
    assert given().metrics == TcpPlace("127.0.0.1", 10249)


def test_flags_say_where_or_nowhere() -> None:
    found = given(
        "--healthz-bind-address", "", "--metrics-bind-address=::", "--runtime-directory=/x", "--health-timeout=5"
    )
    assert found == ServerSettings(None, TcpPlace("::", 10249), Path("/x"), 5)


def test_a_configuration_says_where_unless_flags_do() -> None:
    configured = ProcessSettings(healthz_bind_address="[::]:1", metrics_bind_address="192.0.2.1")
    found = given(configured=configured)
    assert (found.healthz, found.metrics) == (TcpPlace("::", 1), TcpPlace("192.0.2.1", 10249))
    found = given("--healthz-bind-address=", "--metrics-bind-address=:2", configured=configured)
    assert (found.healthz, found.metrics) == (None, TcpPlace("0.0.0.0", 2))


def test_a_flag_that_says_no_address_is_named() -> None:
    with pytest.raises(SettingsError, match="--metrics-bind-address: 'here' is not ADDRESS"):
        given("--metrics-bind-address", "here")


def test_a_configuration_that_says_no_address_is_named_and_not_the_flag_that_nobody_gave() -> None:
    configured = ProcessSettings(healthz_bind_address="[192.0.2.1]:80")
    with pytest.raises(SettingsError) as refused:
        given(configured=configured)
    assert refused.value.message.startswith(
        "healthzBindAddress in the configuration (--config): '[192.0.2.1]:80' is not ADDRESS"
    )
    assert given("--healthz-bind-address=:1", configured=configured).healthz == TcpPlace("0.0.0.0", 1)


def test_without_prometheus_client_a_node_says_what_to_install_and_status_works() -> None:
    code = """
import sys
sys.modules["prometheus_client"] = None
import svcc.cli.node_status, svcc.node.status_socket, svcc.node.status_text
from svcc.errors import TargetError
try:
    import svcc.node.servers
except TargetError as error:
    print(error.hint)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "install it with: pip install 'svcc[node]'\n"
