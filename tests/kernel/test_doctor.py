"""`svcc doctor` says what works, names what does not, and changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from svcc.apply import doctor as doctor_module
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.test_transaction import listing

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]


def doctor(namespace: NetworkNamespace, *before: str) -> tuple[int, dict[str, dict[str, str]]]:
    with namespace.entered():
        result = subprocess.run(
            [*before, sys.executable, "-m", "svcc", "doctor", "-o", "json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    document = json.loads(result.stdout)
    assert document["works"] is (result.returncode == 0)
    return result.returncode, {check["name"]: check for check in document["checks"]}


def test_all_is_well_here_and_nothing_is_changed(namespace: NetworkNamespace) -> None:
    before = listing(namespace)
    code, checks = doctor(namespace)
    assert code == 0
    assert [check for check in checks.values() if check["status"] == "missing"] == []
    assert checks["records of session affinity"]["status"] == "ok"
    assert checks["counters of connections"]["status"] == "ok"
    assert checks["net.ipv4.ip_forward"]["status"] == "note"
    assert listing(namespace) == before


def test_without_leave_to_make_a_namespace_rules_are_only_checked(namespace: NetworkNamespace) -> None:
    code, checks = doctor(namespace, "setpriv", "--bounding-set", "-all,+net_admin")
    assert code == 0
    scratch = checks["scratch network namespace"]
    assert (scratch["status"], scratch["hint"].split()[0]) == ("note", "CAP_SYS_ADMIN")
    assert scratch["found"].startswith("cannot be made (Operation not permitted): rules are checked without being")
    assert checks["masquerading"]["status"] == "ok"


def test_why_there_is_no_namespace_is_said(namespace: NetworkNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "_CLONE_NEWNET", 1)  # no flag of unshare
    with namespace.entered():
        [found] = [check for check in doctor_module.examined() if check.name == "scratch network namespace"]
    assert found.words.startswith("cannot be made (Invalid argument)")
    assert "CONFIG_NET_NS" in found.hint


def test_a_child_that_fails_is_no_missing_leave(namespace: NetworkNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    tried = doctor_module._features

    def features(*arguments: Any, **options: Any) -> Any:
        if os.getpid() != parent:
            os._exit(7)
        return tried(*arguments, **options)

    monkeypatch.setattr(doctor_module, "_features", features)
    with namespace.entered():
        [found] = [check for check in doctor_module.examined() if check.name == "scratch network namespace"]
    assert found.words.startswith("the process that was to try the rules in it ended without an answer")


def test_what_only_an_option_needs_is_noted_where_it_is_missing(
    namespace: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [feature] = doctor_module._FEATURES_ASKED_FOR
    broken = attrs.evolve(feature, lines=("add set {t} s {{ typeof nonsense; }}",))
    monkeypatch.setattr(doctor_module, "_FEATURES_ASKED_FOR", (broken,))
    with namespace.entered():
        [found] = [check for check in doctor_module.examined() if check.name == feature.name]
    assert found.status is doctor_module.Status.NOTE
    assert found.words.startswith("svcc node --service-counters does not work: ")


def test_a_missing_capability_is_named(namespace: NetworkNamespace) -> None:
    code, checks = doctor(namespace, "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    assert code == 3
    assert checks["capability CAP_NET_ADMIN"]["status"] == "missing"


def test_other_proxies_are_named(namespace: NetworkNamespace) -> None:
    namespace.run("nft", "add table ip kube-proxy; add table ip nat; add chain ip nat KUBE-SERVICES")
    _code, checks = doctor(namespace)
    assert checks["other service proxies"]["found"].startswith(
        "kube-proxy in nftables mode, kube-proxy in iptables mode"
    )


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, "none"),
        ({"ip_tables_names": "filter\nnat\n"}, "rules of iptables-legacy in the table nat"),
        ({"ip_vs": "a\nb\nc\nTCP 0A600001:0050 rr\n", "ip_tables_names": "filter\n"}, "IPVS"),
        ({"ip_vs": "a\nb\nc\n"}, "none"),
    ],
)
def test_what_one_module_of_the_kernel_tells_does_not_depend_on_whether_another_is_loaded(
    namespace: NetworkNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], named: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(doctor_module, "_PROC_NET", tmp_path)
    with namespace.entered():
        [found] = [check for check in doctor_module.examined() if check.name == "other service proxies"]
    assert found.words == named
