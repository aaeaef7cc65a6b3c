"""``svcc diff``: what changes, told to people and programs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from svcc.cli import cli
from tests.cli.command import Outcome, svcc
from tests.cli.manifests import Manifest, endpoint_slice, node, service, text

VIP: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}


def with_vip(**spec: Any) -> Manifest:
    return {**service(**spec), "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.80"}]}}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, name: str, *items: Manifest) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(items))
    return str(path)


def compared(folder: Path, before: list[Manifest], after: list[Manifest], *arguments: str) -> Outcome:
    files = (written(folder, "before.json", *before), written(folder, "after.json", *after))
    return svcc("diff", "-f", files[0], "-f", files[1], *arguments)


WEB = [node(), service(), endpoint_slice()]
SMALLER = [node(), service(), endpoint_slice(addresses=("10.244.1.11",))]


def test_nothing_is_printed_where_nothing_changes(folder: Path) -> None:
    assert compared(folder, WEB, WEB) == Outcome(0, "", "")
    assert compared(folder, WEB, WEB, "-o", "nft") == Outcome(0, "", "")
    assert compared(folder, WEB, WEB, "--all-nodes") == Outcome(0, "", "")


def test_what_changes_is_told_by_service(folder: Path) -> None:
    assert compared(folder, WEB, SMALLER) == Outcome(
        1,
        "Service shop/web, port http TCP\n"
        "  - endpoint 10.244.2.11:8080\n"
        "  ! 1/2 (50.0%) of new connections goes to another endpoint (1 slot, had 2)\n"
        "  ! established connections to 10.244.2.11:8080 break: it is gone\n"
        "\n"
        "Ruleset: 5 elements and 6 rules are touched\n",
        "",
    )


def test_more_is_told_on_demand(folder: Path) -> None:
    listed = compared(folder, WEB, SMALLER, "-v").out
    assert "    ~ tcp . 10.96.0.10 . 80 : 0:1, was 0:2\n" in listed
    assert "  + chain ip svcc pick-1: 3 rules\n" in listed
    assert "numgen random mod 2" in listed


def test_a_service_that_comes_and_one_that_goes(folder: Path) -> None:
    come = compared(folder, [node()], WEB)
    assert come.out.startswith("Service shop/web, port http TCP  (new)\n  + ClusterIP 10.96.0.10:80: 2 endpoints\n")
    gone = compared(folder, WEB, [node()])
    assert gone.out.startswith("Service shop/web, port http TCP  (gone)\n  - ClusterIP 10.96.0.10:80\n")
    assert "established connections to 10.244.1.11:8080 break" in gone.out


def test_a_policy_that_would_drop_is_told(folder: Path) -> None:
    slices = endpoint_slice(addresses=("10.244.9.1", "10.244.2.11"))
    slices["endpoints"][0]["nodeName"] = "worker-2"
    before = [node(), with_vip(type="LoadBalancer"), slices]
    outcome = compared(folder, before, [node(), with_vip(**VIP), slices])
    assert "  ~ LoadBalancer 198.51.100.80:80: from outside dropped, was all endpoints;" in outcome.out
    assert "another endpoint" not in outcome.out


def test_shares_are_told_once_where_they_are_the_same_for_everybody(folder: Path) -> None:
    sides = [
        [node(), with_vip(**{"type": "LoadBalancer", **policy}), endpoint_slice(addresses=addresses)]
        for policy in ({}, VIP)
        for addresses in (("10.244.1.11", "10.244.2.11", "10.244.2.12"), ("10.244.1.11", "10.244.2.11"))
    ]
    alike, unlike = compared(folder, sides[0], sides[1]).out, compared(folder, sides[2], sides[3]).out
    assert alike.count("another endpoint") == 1
    assert "  ! 1/3 (33.3%) of new connections goes to another endpoint (2 slots, had 3)\n" in alike
    assert unlike.count("another endpoint") == 2
    assert "of new connections from pods and this node to 198.51.100.80:80 goes to another" in unlike
    assert "of new connections to 10.96.0.10:80 goes to another" in unlike


def test_settings_count_on_both_sides(folder: Path) -> None:
    vip = [node(), with_vip(**VIP), endpoint_slice()]
    assert compared(folder, vip, vip, "--cluster-cidr", "10.244.0.0/16", "--masquerade-all").code == 0


def test_a_configuration_among_the_manifests_is_part_of_what_changes(folder: Path) -> None:
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clusterCIDR": "10.244.0.0/16",
    }
    outcome = compared(folder, WEB, [*WEB, configuration])
    assert outcome.code == 1
    assert "Node\n  ~ IPv4 pods: 10.244.0.0/16, before none\n" in outcome.out
    assert "masquerades all but pods, was nobody" in outcome.out


def test_udp_clients_of_an_endpoint_that_goes_are_told(folder: Path) -> None:
    ports = [{"name": "http", "port": 80, "protocol": "UDP"}]
    sides = []
    for addresses in (("10.244.1.11", "10.244.2.11"), ("10.244.1.11",)):
        slices = endpoint_slice(addresses=addresses)
        slices["ports"] = [{"name": "http", "port": 8080, "protocol": "UDP"}]
        sides.append([node(), service(ports=ports), slices])
    brief, full = (compared(folder, sides[0], sides[1], *flags).out for flags in ((), ("-v",)))
    assert "conntrack entries of 10.96.0.10:80 towards 10.244.2.11:8080 must be deleted" in brief
    assert "conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --orig-port-dst 80" in full
    assert "established connections" not in brief


def test_the_transaction_is_a_script_for_nft(folder: Path) -> None:
    outcome = compared(folder, WEB, SMALLER, "-o", "nft")
    assert outcome.code == 1
    assert outcome.out.splitlines()[0] == "flush chain ip svcc pick-2"
    assert "delete chain ip svcc pick-2\n" in outcome.out


def test_the_document_says_the_same(folder: Path) -> None:
    outcome = compared(folder, WEB, SMALLER, "-o", "json")
    document = json.loads(outcome.out)
    assert outcome.code == 1
    assert (document["kind"], document["node"]) == ("NodeChange", "worker-1")
    [port] = document["servicePorts"]
    assert (port["namespace"], port["service"], port["change"]) == ("shop", "web", "changed")
    assert port["moves"][0]["exactShare"] == "1/2"
    assert document["ruleset"] == {"elements": 5, "rules": 6}
    assert "sets" in json.loads(compared(folder, WEB, SMALLER, "-o", "json", "-v").out)["ruleset"]
    empty = json.loads(compared(folder, WEB, WEB, "-o", "json").out)
    assert (empty["servicePorts"], empty["ruleset"]) == ([], {"elements": 0, "rules": 0})


def test_all_nodes_are_summed_up(folder: Path) -> None:
    nodes = [node(f"worker-{number}", f"192.168.0.{number}") for number in range(1, 5)]
    before = [*nodes, with_vip(**VIP), endpoint_slice(addresses=("10.244.1.11", "10.244.2.11"))]
    after = [*nodes, with_vip(**VIP), endpoint_slice(addresses=("10.244.1.11",))]
    outcome = compared(folder, before, after, "--all-nodes")
    assert outcome.code == 1
    assert outcome.out.startswith(
        "4 of 4 nodes would change\n"
        "\n"
        "Service shop/web, port http TCP\n"
        "  1 of 4 nodes would drop connections to it: worker-2\n"
        "  on 4 of 4 nodes\n"
        "    - endpoint 10.244.2.11:8080\n"
    )
    assert "  on 1 of 4 nodes: worker-2\n    ~ LoadBalancer 198.51.100.80:80: from outside dropped" in outcome.out
    document = json.loads(compared(folder, before, after, "--all-nodes", "-o", "json").out)
    assert document["kind"] == "ClusterChange"
    assert [change["node"] for change in document["changes"]] == [f"worker-{number}" for number in range(1, 5)]


def test_nodes_that_come_and_go_are_told_in_a_sweep_and_can_be_named(folder: Path) -> None:
    newer = [*WEB, node("worker-2", "192.168.0.2")]
    assert compared(folder, WEB, newer, "--all-nodes").out == "0 of 1 node would change\n+ node worker-2\n"
    assert compared(folder, newer, WEB, "--all-nodes").out == "0 of 1 node would change\n- node worker-2\n"
    assert compared(folder, newer, WEB, "--node", "worker-2").code == 1
    assert compared(folder, WEB, newer, "--node", "worker-2").code == 1


def test_differences_can_be_told_without_an_exit_code(folder: Path) -> None:
    assert compared(folder, WEB, SMALLER, "--exit-code", "never").code == 0
    broken = compared(folder, [node(), service(cluster_ip="nonsense")], WEB, "--exit-code", "never")
    assert broken.code == 0
    assert "before.json" in broken.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-f", "a.json"), "-f/--filename is needed twice"),
        (("-f", "a.json", "-f", "b.json", "-f", "c.json"), "-f/--filename is needed twice"),
        (("-f", "-", "-f", "-"), "standard input can be one side only"),
        (("-f", "a.json", "-f", "b.json", "-n", "shop", "-A"), "exclude each other"),
        (("-f", "a.json", "-f", "b.json", "--all-nodes", "--node", "x"), "exclude each other"),
        (("-f", "a.json", "-f", "b.json", "--all-nodes", "-o", "nft"), "-o nft is for one node"),
        (("-f", "missing.json", "-f", "missing.json"), "cannot read missing.json"),
    ],
)
def test_usage_errors_are_told(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    outcome = svcc("diff", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_standard_input_may_be_one_side(folder: Path) -> None:
    before = written(folder, "before.json", *WEB)
    assert svcc("diff", "-f", before, "-f", "-", stdin=text(SMALLER)).code == 1


def test_a_side_of_which_a_part_could_not_be_read_is_compared_with_nothing(folder: Path) -> None:
    written(folder, "whole.yaml", node(), with_vip())
    (folder / "cut.json").write_text('{"kind": "List", "items": [{')
    for sides in (("whole.yaml", "cut.json"), ("cut.json", "whole.yaml")):
        found = svcc("diff", "-f", sides[0], "-f", sides[1], "--node", "worker-1")
        assert found.code == 2
        assert not found.out
        assert "all that cut.json declares could not be read, so nothing was compared" in found.err


def test_a_side_without_node_objects_is_named(folder: Path) -> None:
    outcome = compared(folder, WEB, WEB[1:], "--node", "worker-1")
    warning = next(line for line in outcome.err.splitlines() if "no Node object is named" in line)
    assert warning.endswith(f'no Node object is named "worker-1" (in {folder / "after.json"}, the side after)')


def test_an_unknown_node_and_several_nodes_are_errors(folder: Path) -> None:
    assert "no node is named" in compared(folder, WEB, WEB, "--node", "nobody").err
    several = [*WEB, node("worker-2", "192.168.0.2")]
    assert "there are 2 nodes" in compared(folder, several, several).err
    nowhere = compared(folder, [service()], [service()], "--all-nodes")
    assert (nowhere.code, "there is no Node" in nowhere.err) == (2, True)


# Git revisions.


def git(folder: Path, *arguments: str) -> None:
    identity = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, **identity})


@pytest.fixture
def repository(folder: Path) -> Path:
    """A repository with the web Service in manifests/, and one endpoint less in the folder itself."""
    git(folder, "init", "-q")
    written(folder, "manifests/web.json", *WEB)
    (folder / "manifests" / ".hidden.json").write_text("not read")
    (folder / "manifests" / "README.md").write_text("nor this")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    written(folder, "manifests/web.json", *SMALLER)
    return folder


@pytest.mark.parametrize("before", ["main:manifests", "HEAD:manifests/", "HEAD:manifests/web.json", "HEAD:./manifests"])
def test_a_revision_is_compared_with_the_folder(repository: Path, before: str) -> None:
    outcome = svcc("diff", "-f", before, "-f", "manifests")
    assert (outcome.code, outcome.err) == (1, "")
    assert "- endpoint 10.244.2.11:8080" in outcome.out
    assert svcc("diff", "-f", before, "-f", "HEAD:") == Outcome(0, "", "")


def test_paths_of_revisions_begin_at_the_root_or_with_a_dot_at_the_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "manifests")
    assert svcc("diff", "-f", "HEAD:manifests", "-f", "HEAD:./") == Outcome(0, "", "")
    wrong = svcc("diff", "-f", "HEAD:web.json", "-f", ".")
    assert (wrong.code, wrong.told) == (
        2,
        [
            "error: HEAD:web.json: the revision has no such file or folder",
            "hint: from the current folder it is HEAD:./web.json",
        ],
    )


def test_problems_name_the_revision(repository: Path) -> None:
    written(repository, "manifests/broken.json", service("broken", "nonsense"))
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    assert "HEAD:manifests/broken.json:" in svcc("diff", "-f", "HEAD:manifests", "-f", "manifests").err


def test_a_file_with_a_colon_is_a_file(repository: Path) -> None:
    (repository / "HEAD:manifests").write_text(text(SMALLER))
    assert svcc("diff", "-f", "HEAD:manifests", "-f", "manifests") == Outcome(0, "", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:manifests", "git knows no revision nowhere"),
        ("--help:manifests", "git knows no revision --help"),
        ("--output=owned:manifests", "git knows no revision --output=owned"),
        ("$(touch owned):manifests", "git knows no revision $(touch owned)"),
        ("HEAD:missing", "the revision has no such file or folder"),
        ("HEAD:--help", "the revision has no such file or folder"),
        ("HEAD:manifests/README.md/x", "the revision has no such file or folder"),
        ("HEAD:a\nb", "the revision has no such file or folder"),
        (":manifests", "cannot read :manifests"),
    ],
)
def test_what_git_does_not_know_is_told_and_does_nothing(repository: Path, name: str, message: str) -> None:
    outcome = svcc("diff", "-f", name, "-f", "manifests")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert not (repository / "owned").exists()


def test_a_shallow_clone_is_named_where_a_revision_is_missing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "commit", "-qam", "two")
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    outcome = svcc("diff", "-f", "HEAD~1:manifests", "-f", "manifests")
    assert (outcome.code, outcome.out) == (2, "")
    assert "git knows no revision HEAD~1" in outcome.told[0]
    assert "this clone is shallow" in outcome.told[1]
    monkeypatch.chdir(repository)
    assert "shallow" not in svcc("diff", "-f", "HEAD~9:manifests", "-f", "manifests").err


def test_names_of_files_in_a_revision_may_be_anything_but_more_than_a_line(repository: Path) -> None:
    odd = repository / "manifests" / "-r $(touch owned) \x1b[2J ü:.json"
    odd.write_text(text(SMALLER[1]))
    (repository / "manifests" / "web.json").write_text(text(SMALLER[0], SMALLER[2]))
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "odd")
    assert svcc("diff", "-f", "HEAD:manifests", "-f", "manifests") == Outcome(0, "", "")
    odd.rename(repository / "manifests" / "a\nb.json")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "line")
    outcome = svcc("diff", "-f", "HEAD:manifests", "-f", "manifests")
    assert (outcome.code, "a name with a line break" in outcome.err) == (2, True)
    assert not (repository / "owned").exists()


def test_links_inside_a_revision_are_followed_and_others_are_told(repository: Path) -> None:
    manifests = repository / "manifests"
    (manifests / "web.json").rename(repository / "real.json")
    (manifests / "web.json").symlink_to("../real.json")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "link")
    for name in ("HEAD:manifests", "HEAD:manifests/web.json"):
        assert svcc("diff", "-f", name, "-f", "manifests") == Outcome(0, "", "")
    for target, message in (("/etc/hostname", "leads out of the revision"), ("nowhere", "leads nowhere")):
        (manifests / "web.json").unlink()
        (manifests / "web.json").symlink_to(target)
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", "other link")
        outcome = svcc("diff", "-f", "HEAD:manifests", "-f", "real.json")
        assert (outcome.code, message in outcome.err) == (2, True)


def test_a_folder_of_a_revision_without_manifests_is_an_error(repository: Path) -> None:
    (repository / "docs").mkdir()
    (repository / "docs" / "a.txt").touch()
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "docs")
    assert "no .yaml, .yml or .json file" in svcc("diff", "-f", "HEAD:docs", "-f", "manifests").err


def test_without_a_repository_or_without_git_it_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    after = written(folder, "after.json", *WEB)
    outcome = svcc("diff", "-f", "HEAD:manifests", "-f", after)
    assert (outcome.code, "no git repository" in outcome.err) == (2, True)
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    outcome = svcc("diff", "-f", "HEAD:manifests", "-f", after)
    assert (outcome.code, outcome.told[0]) == (3, "error: the git program is missing")


def test_names_from_manifests_do_not_reach_the_terminal_raw(folder: Path) -> None:
    assert "diff" in cli.commands
    slices = endpoint_slice()
    hostile = node("worker-1\x1b[2J")
    assert "\x1b" not in compared(folder, [service(), slices, hostile], [hostile, slices], "--all-nodes").out
