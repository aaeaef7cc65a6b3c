"""How `svcc node` starts, what it does before its first synchronization, and how it ends."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcc.cli.output import version
from tests.kernel.node_process import NODE, Machine, endpoints, service, wait_until

pytestmark = pytest.mark.kernel

WEB = service("web", "10.96.0.10")
WEB_ENDPOINTS = endpoints("web", ["10.244.1.5", "10.244.1.6"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with one Service."""
    with Machine(tmp_path) as made:
        made.declare(NODE, WEB, WEB_ENDPOINTS)
        yield made


def answer(machine: Machine, port: int, path: str, address: str = "127.0.0.1") -> tuple[int, str]:
    """What is answered, and with which status."""
    with machine.namespace.entered():
        connection = http.client.HTTPConnection(address, port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def test_a_configuration_says_where_to_answer_and_how_often_to_read_unless_flags_do(machine: Machine) -> None:
    configuration = machine.folder / "kube-proxy.json"
    said = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "healthzBindAddress": "127.0.0.1:20256",
        "metricsBindAddress": "127.0.0.1:20249",
        "nftables": {"syncPeriod": "200ms"},
    }
    configuration.write_text(json.dumps(said))
    node = machine.start("--config", str(configuration), "--healthz-bind-address", "127.0.0.1:20257")
    first = node.wait_until_ready()["lastFullSync"]
    node.wait_for(lambda status: status["lastFullSync"]["time"] != first["time"])
    assert answer(machine, 20257, "/healthz")[0] == 200
    assert "svcc_build_info" in answer(machine, 20249, "/metrics")[1]


def test_a_configuration_that_is_wrong_is_told_before_anything_starts(machine: Machine) -> None:
    configuration = machine.folder / "kube-proxy.json"
    said = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "syncPeriod": "30"}
    configuration.write_text(json.dumps(said))
    node = machine.start("--config", str(configuration))
    assert node.process.wait(60) == 2
    assert 'syncPeriod: Invalid value: "30": time: invalid duration "30"' in node.log
    assert not machine.tables().bodies


def test_ctrl_c_leaves_the_rules_and_has_the_exit_code_of_what_is_interrupted(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    right = machine.wait_until_right()
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(60) == 130, node.log
    assert "info SIGINT: ends, and the rules stay\n" in node.log
    assert machine.holds(right)
    assert "Traceback" not in node.log


def test_the_log_says_who_begins_to_read_what(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    assert f"info svcc {version()} on node node-a: reading {machine.manifests}\n" in node.log


def test_what_cannot_be_read_is_named_once_in_a_line(machine: Machine) -> None:
    node = machine.start(source=str(machine.folder / "missing"))
    assert node.process.wait(60) == 2
    assert max(line.count("missing") for line in node.log.splitlines()) == 1
    assert node.log.count("cannot read") == 1


OTHER = service("other", "10.96.0.11")
OTHER_ENDPOINTS = endpoints("other", ["10.244.1.9"])
BROKEN = ['{"kind": "List", "items": [', "", "kind: Service\n  metadata: x\n"]


@pytest.mark.parametrize("broken", BROKEN, ids=["cut off", "empty", "no YAML"])
@pytest.mark.parametrize("lost", ["Services", "endpoints"])
def test_a_start_with_a_file_that_is_broken_leaves_what_the_kernel_serves_until_it_is_mended(
    machine: Machine, broken: str, lost: str
) -> None:
    machine.declare(NODE, WEB, WEB_ENDPOINTS)
    both = [OTHER, OTHER_ENDPOINTS] if lost == "Services" else [OTHER_ENDPOINTS]
    machine.declare(*both, file="other.yaml")
    if lost == "endpoints":
        machine.declare(OTHER, file="service.json")
    assert machine.apply().returncode == 0
    right = machine.wait_until_right()
    (machine.manifests / "other.yaml").write_text(broken)
    node = machine.start()
    node.wait_for(lambda status: any("default/other:http" in words for words in status["troubles"]))
    assert "would be lost" in node.log
    assert str(machine.manifests / "other.yaml") in node.log
    # Neither other files nor signals nor the time change that.
    machine.declare(NODE, WEB, endpoints("web", ["10.244.1.5"]))
    node.process.send_signal(signal.SIGHUP)
    node.wait_for_log("SIGHUP: the kernel is read and compared")
    time.sleep(0.5)
    assert machine.holds(right)
    machine.declare(*both, file="other.yaml")
    node.wait_until_ready()
    machine.wait_until_right()
    assert node.wait_for(lambda status: status["healthy"])["source"]["complete"]


def test_while_a_start_is_held_back_balancers_are_answered_about_what_is_known_s50(machine: Machine) -> None:
    local: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099}
    here = endpoints("web", ["10.244.0.5", "10.244.0.6"])
    for each in here["endpoints"]:
        each["nodeName"] = "node-a"
    machine.declare(NODE, service("web", "10.96.0.10", **local), here)
    machine.declare(OTHER, OTHER_ENDPOINTS, file="other.yaml")
    assert machine.apply().returncode == 0
    (machine.manifests / "other.yaml").write_text(BROKEN[0])
    machine.namespace.ip("address add 192.168.0.10/32 dev lo")
    node = machine.start()
    assert node.wait_for(lambda status: status["healthChecks"])["source"]["complete"] is False
    node.wait_for_log("would be lost")
    status, body = answer(machine, 30099, "/", "192.168.0.10")
    assert (status, json.loads(body)["localEndpoints"]) == (200, 2)
    # What changes meanwhile is answered, too.
    machine.declare(NODE, service("web", "10.96.0.10", **local), WEB_ENDPOINTS)
    wait_until(lambda: answer(machine, 30099, "/", "192.168.0.10")[0] == 503, "an answer that nobody is here")


def test_a_service_manager_hears_what_is_served_and_of_reloads(machine: Machine) -> None:
    place = machine.folder / "manager"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(str(place))
        receiving.settimeout(60)

        def heard(words: str) -> list[str]:
            """What is told until something with these words."""
            found = [receiving.recv(4096).decode()]
            while words not in found[-1]:
                found.append(receiving.recv(4096).decode())
            return found

        node = machine.start(environment={"NOTIFY_SOCKET": str(place)})
        told = heard("READY=1")
        assert any(each.startswith("STATUS=1 Service, 2 endpoints; last change at ") for each in told), told
        machine.declare(NODE, WEB, endpoints("web", ["10.244.1.5"]))
        assert "default/web: endpoints -1; " in heard("STATUS=")[-1]
        node.process.send_signal(signal.SIGHUP)
        assert [each.partition("\n")[0] for each in heard("READY=1")] == ["RELOADING=1", "READY=1"]
        machine.nft("flush map ip svcc balanced-services")
        assert "drift repaired" in heard("STATUS=1 Service, 1 endpoint; ")[-1]
    repaired = [line for line in node.log.splitlines() if "made right" in line or "repaired" in line]
    assert len(repaired) == 1, repaired
    assert "info drift repaired: balanced-services; " in repaired[0]


def test_a_restart_does_not_tell_as_news_what_the_kernel_serves(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    assert "info default/web: added, endpoints +2; " in node.log
    # A number and its chain that nobody needs any more are no reason to write anything.
    machine.declare(NODE, WEB, endpoints("web", ["10.244.1.5"]))
    node.wait_for_log("default/web: endpoints -1; ")
    time.sleep(1.5)
    node.process.send_signal(signal.SIGHUP)
    node.wait_for_log("info verified; 0 operations; ")
    assert node.terminate() == 0
    again = machine.start()
    again.wait_until_ready()
    assert "info 1 Service; 0 operations; " in again.log
    assert "added" not in again.log
    assert again.terminate() == 0
    machine.declare(NODE, WEB, endpoints("web", ["10.244.1.5", "10.244.1.7"]))
    later = machine.start()
    later.wait_until_ready()
    assert "info 1 Service: " in later.log
    assert "added" not in later.log


def test_a_start_with_a_broken_file_and_nothing_to_lose_serves_the_others(machine: Machine) -> None:
    (machine.manifests / "other.yaml").write_text(BROKEN[0])
    node = machine.start()
    assert node.wait_until_ready()["serving"]["services"] == 1
    (machine.manifests / "other.yaml").unlink()
    machine.wait_until_right()


def test_a_file_that_cannot_be_read_and_is_deleted_is_waited_for_no_more(machine: Machine) -> None:
    machine.declare(OTHER, OTHER_ENDPOINTS, file="other.yaml")
    assert machine.apply().returncode == 0
    (machine.manifests / "other.yaml").write_text(BROKEN[0])
    node = machine.start()
    node.wait_for(lambda status: status["source"]["waitingFor"])
    (machine.manifests / "other.yaml").unlink()
    node.wait_until_ready()
    machine.wait_until_right()
    assert "warning not served any more, since nothing declares it now: default/other:http" in node.log


def test_a_node_that_is_to_go_says_so_in_the_log_and_what_is_tidied_up_is_counted(machine: Machine) -> None:
    machine.declare(NODE, WEB, endpoints("web", ["10.244.1.1", "10.244.1.2"]))
    node = machine.start("--metrics-bind-address", "127.0.0.1:20249")
    node.wait_until_ready()
    going = {**NODE, "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}}
    machine.declare(going, WEB, endpoints("web", ["10.244.1.1"]))
    node.wait_for_log("warning the node will be deleted by the cluster autoscaler: /healthz tells balancers to go")
    machine.declare(NODE, WEB, endpoints("web", ["10.244.1.1"]))
    node.wait_for_log("info the node stays: /healthz tells balancers so")
    # The slot of the endpoint that is gone is emptied a second after the change.
    deadline = time.monotonic() + 60
    while 'svcc_operations_total{operation="delete element"} 2.0' not in answer(machine, 20249, "/metrics")[1]:
        assert time.monotonic() < deadline, node.log
        time.sleep(0.2)


def test_without_a_flag_the_only_node_is_the_one_that_is_meant(machine: Machine) -> None:
    leaving = {**NODE, "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}}
    machine.declare(leaving, WEB, WEB_ENDPOINTS)
    node = machine.start("--node", "", "--healthz-bind-address", "127.0.0.1:20256")
    status = node.wait_until_ready()
    assert (status["node"], status["nodeEligible"]) == ("node-a", False)
    assert answer(machine, 20256, "/healthz")[0] == 503


def test_before_the_first_synchronization_a_node_is_live_and_starting_s51(machine: Machine) -> None:
    node = machine.start("--healthz-bind-address", "127.0.0.1:20256", source="-")
    assert node.process.stdin is not None
    node.process.stdin.write(b"kind: Service\n" * 100)
    node.process.stdin.flush()
    node.wait_for_log("what can be read, unlike <stdin>:1: this is no JSON document")
    assert answer(machine, 20256, "/healthz")[0] == 200
    told = machine.svcc("node", "status", "--runtime-directory", str(node.runtime_directory))
    assert told.returncode == 1
    assert told.stdout.splitlines()[0].endswith(": starting")


def test_drift_that_is_left_to_tidying_is_counted_as_repaired(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    right = machine.wait_until_right()
    # A slot that is never drawn, so nothing has to be done at once.
    machine.nft("add element ip svcc endpoints-tcp { 10.96.0.10 . 80 . 9 : 10.244.1.9 . 80 }")
    drift = node.wait_for(lambda status: status["drift"]["repaired"])["drift"]
    assert (drift["detected"], drift["repaired"]) == (1, 1)
    assert machine.holds(right)


def test_a_change_that_concerns_no_service_is_named(machine: Machine) -> None:
    node = machine.start("--nodeport-addresses", "primary")
    node.wait_until_ready()
    machine.declare(
        {**NODE, "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.11"}]}}, WEB, WEB_ENDPOINTS
    )
    machine.wait_until_right()
    node.wait_for_log("info changed: nodeport-addresses; 2 operations")
