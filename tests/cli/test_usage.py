"""Mistakes in using svcc, and choosing what it reads: every refusal says why, with the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Outcome, svcc
from tests.cli.manifests import endpoint_slice, node, service, text

CLUSTER = text(
    service("web", "10.96.0.10"),
    endpoint_slice("web"),
    {
        **service("cart", "10.96.0.20"),
        "metadata": {"name": "cart", "namespace": "other", "labels": {"tier": "back", "app": "cart"}},
    },
    node(),
)
WEB, CART = "tcp . 10.96.0.10 . 80", "tcp . 10.96.0.20 . 80"


def compiled(*arguments: str, stdin: str = CLUSTER) -> Outcome:
    return svcc("compile", "-f", "-", *arguments, stdin=stdin)


def refused(outcome: Outcome) -> str:
    """What a refusal with exit code 2 says."""
    assert outcome.code == 2
    assert outcome.out == ""
    return outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compile"], "Missing option '-f' / '--filename'"),
        (["check"], "Missing option '-f' / '--filename'"),
        (["compile", "-f", "-", "--bogus"], "No such option '--bogus'"),
        (["compile", "-f", "-", "--masquerade-bit", "32"], "32 is not in the range"),
        (["compile", "-f", "-", "--masquerade-bit", "x"], "'x' is not a valid integer range"),
        (["compile", "-f", "-", "--detect-local-mode", "Magic"], "'Magic' is not one of 'ClusterCIDR'"),
        (["compile", "-f", "-", "-o", "xml"], "'xml' is not one of 'nft', 'json', 'dataplane'"),
        (["compile", "-f", "-", "-n", "shop", "-A"], "-n/--namespace and -A/--all-namespaces exclude each other"),
        (["check", "-f", "-", "-n", "shop", "-A"], "-n/--namespace and -A/--all-namespaces exclude each other"),
        (["comple", "-f", "-"], "No such command 'comple'"),
    ],
)
def test_a_usage_error_is_told_with_the_way_to_help(arguments: list[str], words: str) -> None:
    told = refused(svcc(*arguments, stdin=CLUSTER))
    assert words in told
    assert "--help' for help" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cluster-cidr", "10.244.0.0"], "'10.244.0.0': must be a valid CIDR"),
        (["--service-cidr", "10.96.0.0/16,x"], "'x': must be a valid CIDR"),
        (["--nodeport-addresses", "eth0"], "'eth0': must be a valid CIDR"),
        (["--nodeport-addresses", "primary,10.0.0.0/8"], "'primary' cannot be combined with CIDRs"),
        (["--local-address", "192.168.0.300"], "'192.168.0.300' is not an IP address"),
        (
            ["--detect-local-mode", "BridgeInterface"],
            "--pod-bridge-interface: this way to recognise pods needs the name",
        ),
        (
            ["--detect-local-mode", "InterfaceNamePrefix", "--pod-interface-name-prefix", 'a"; flush'],
            "not an interface",
        ),
        (["-l", "app in (web"], 'unable to parse the label selector "app in (web"'),
        (["--node", "worker-9"], 'no node is named "worker-9"'),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_value(arguments: list[str], words: str) -> None:
    told = refused(compiled(*arguments))
    assert told.startswith("error: ")
    assert words in told


def test_empty_input_says_that_the_command_before_the_pipe_may_have_failed() -> None:
    told = refused(svcc("compile", "-f", "-", stdin=" \n"))
    assert told == "error: standard input is empty\nhint: a command in front of the pipe probably failed\n"


@pytest.mark.parametrize("command", ["compile", "check"])
def test_a_file_that_is_not_there_is_named(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert refused(svcc(command, "-f", str(missing))) == f"error: cannot read {missing}: No such file or directory\n"


def test_a_directory_without_manifests_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(CLUSTER)
    assert f"{tmp_path}: no .yaml, .yml or .json file" in refused(svcc("compile", "-f", str(tmp_path)))


@pytest.mark.parametrize("name", ["missing.yaml", "other.yaml"])
def test_a_configuration_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(CLUSTER)
    assert name in refused(compiled("--config", str(tmp_path / name)))


def test_several_nodes_need_a_choice_and_the_hint_names_them() -> None:
    told = refused(compiled(stdin=text(node("worker-2"), node("worker-1"))))
    assert told == "error: there are 2 nodes, and a ruleset is for one\nhint: name it: worker-1, worker-2\n"


def test_many_nodes_are_not_all_listed() -> None:
    crowd = text(node(f"worker-{number}") for number in range(10, 40))
    for arguments in ([], ["--node", "x"]):
        told = refused(compiled(*arguments, stdin=crowd))
        assert "worker-14, ..." in told
        assert "worker-15" not in told


def test_a_node_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert refused(compiled("--node", "worker-9")).splitlines()[-1] == "hint: there are worker-1"


def test_a_node_that_only_endpoints_name_can_be_compiled_for() -> None:
    assert compiled("--node", "worker-2").code == 0


def test_the_only_node_is_taken_without_asking() -> None:
    outcome = compiled()
    assert outcome.code == 0
    assert outcome.out == compiled("--node", "worker-1").out
    assert "for node worker-1" in outcome.out.splitlines()[0]


def test_without_nodes_any_name_will_do() -> None:
    assert compiled("--node", "anything", stdin=text(service())).code == 0


@pytest.mark.parametrize(
    ("arguments", "web", "cart"),
    [
        ([], True, True),
        (["-A"], True, True),
        (["--all-namespaces"], True, True),
        (["-n", "shop"], True, False),
        (["--namespace", "other"], False, True),
        (["-l", "tier=back"], False, True),
        (["-l", "tier=back,app!=cart"], False, False),
        (["--selector", "!tier"], True, False),
        (["-l", "app in (cart, web)"], False, True),
        (["-n", "shop", "-l", "tier"], False, False),
        (["-R"], True, True),
    ],
)
def test_services_are_chosen_as_with_kubectl(arguments: list[str], web: bool, cart: bool) -> None:
    outcome = compiled(*arguments)
    assert outcome.code == 0
    assert (WEB in outcome.out, CART in outcome.out) == (web, cart)


def test_a_namespace_is_also_where_objects_without_one_belong() -> None:
    nameless = service()
    del nameless["metadata"]["namespace"]
    assert WEB in compiled("-n", "shop", stdin=text(nameless)).out
    assert 'comment "default/web:http"' in compiled(stdin=text(nameless)).out


def test_files_directories_and_standard_input_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "slice.json").write_text(text(endpoint_slice()))
    (tmp_path / "node.yaml").write_text(text(node()))
    arguments = ["compile", "-f", "-", "-f", str(tmp_path / "deep"), "-f", str(tmp_path / "node.yaml")]
    outcome = svcc(*arguments, stdin=text(service()))
    assert (outcome.code, outcome.err) == (0, "")
    assert "10.96.0.10 . 80 . 1 : " in outcome.out
