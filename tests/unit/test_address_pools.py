"""IPAddressPools and Namespaces as manifests write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from svcc.addresses import IPFamily
from svcc.fields import Severity
from svcc.manifest.load import Loaded, load_text
from svcc.model.address_pool import AddressPool, AddressRange, LabelRequirement, LabelSelector, Namespace
from svcc.validate import RULES


def loaded(*objects: dict[str, Any]) -> Loaded:
    """The result of loading objects as a List."""
    return load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def pool(name: str = "web", **spec: Any) -> dict[str, Any]:
    """An IPAddressPool with these fields in its spec."""
    return {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": {"name": name, "namespace": "metallb-system"},
        "spec": {"addresses": ["192.0.2.0/24"], **spec},
    }


def test_a_pool_is_read_with_all_of_its_fields() -> None:
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}
    allocation = {"priority": 5, "namespaces": ["x"], "namespaceSelectors": [selector], "serviceSelectors": [{}]}
    result = loaded(pool(autoAssign=False, avoidBuggyIPs=True, serviceAllocation=allocation))
    assert result.problems == ()
    assert result.skipped == {}
    [found] = result.address_pools
    assert (found.name, found.addresses, found.auto_assign, found.avoid_buggy_ips) == (
        "web",
        ("192.0.2.0/24",),
        False,
        True,
    )
    kept = found.service_allocation
    assert kept is not None
    assert (kept.priority, kept.namespaces) == (5, ("x",))
    assert kept.namespace_selectors == (LabelSelector({"a": "b"}, [LabelRequirement("c", "In", ["d"])]),)
    assert kept.service_selectors == (LabelSelector(),)
    assert str(found.reference) == "IPAddressPool metallb-system/web"


def test_the_defaults_are_those_of_metallb() -> None:
    [found] = loaded(pool()).address_pools
    assert (found.auto_assign, found.avoid_buggy_ips, found.service_allocation) == (True, False, None)


EXPRESSIONS = "spec.serviceAllocation.serviceSelectors[0].matchExpressions[0]"
BROKEN = [
    ("a pool has a name", "name-required", pool(""), "metadata.name: Required value"),
    ("a pool has addresses", "addresses-required", pool(addresses=[]), "spec.addresses: Required value"),
    ("an address alone is no range", "address-invalid", pool(addresses=["192.0.2.1"]), "must be a CIDR such as"),
    (
        "the second end comes second",
        "address-invalid",
        pool(addresses=["::2-::1"]),
        "the first address is after the last",
    ),
    ("both ends are addresses", "address-invalid", pool(addresses=["::1-x"]), "the last address of the range is none"),
    ("both ends are of one family", "address-invalid", pool(addresses=["::1-1.1.1.1"]), "of different families"),
    (
        "a namespace is named once",
        "namespace-duplicate",
        pool(serviceAllocation={"namespaces": ["a", "a"]}),
        'spec.serviceAllocation.namespaces[1]: Duplicate value: "a"',
    ),
    (
        "an operator is known",
        "selector-operator",
        pool(serviceAllocation={"serviceSelectors": [{"matchExpressions": [{"key": "a", "operator": "Is"}]}]}),
        f'{EXPRESSIONS}.operator: Unsupported value: "Is": supported values: "DoesNotExist", "Exists", "In", "NotIn"',
    ),
    (
        "In needs values",
        "selector-values",
        pool(serviceAllocation={"serviceSelectors": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]}),
        f"{EXPRESSIONS}.values: Required value",
    ),
    (
        "Exists takes none",
        "selector-values",
        pool(
            serviceAllocation={
                "serviceSelectors": [{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}]
            }
        ),
        f"{EXPRESSIONS}.values: Forbidden",
    ),
]


@pytest.mark.parametrize(("rule", "declared", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_pool_is_told_and_left_out(rule: str, declared: dict[str, Any], words: str) -> None:
    result = loaded(declared, pool("good"))
    assert [found.name for found in result.address_pools] == ["good"]
    [problem] = result.problems
    assert problem.rule == f"pool/{rule}"
    assert words in problem.message()


def test_every_rule_has_a_row() -> None:
    assert {f"pool/{row[1]}" for row in BROKEN} == {rule for rule in RULES if rule.startswith("pool/")}


def test_a_field_of_a_wrong_type_is_told_as_the_server_does() -> None:
    result = loaded(pool(autoAssign="yes"))
    assert result.address_pools == ()
    assert [problem.message() for problem in result.problems] == [
        'spec.autoAssign: Invalid value: "string": spec.autoAssign in body must be of type boolean: "string"'
    ]


@pytest.mark.parametrize(
    ("declared", "words", "hint"),
    [
        (pool(autoasign=False), 'unknown field "spec.autoasign"', 'did you mean "autoAssign"?'),
        (
            pool(serviceAllocation={"serviceSelector": []}),
            'unknown field "spec.serviceAllocation.serviceSelector"',
            'did you mean "serviceSelectors"?',
        ),
        (pool(protocol="layer2"), 'unknown field "spec.protocol"', ""),
        ({**pool(), "adresses": []}, 'unknown field "adresses"', ""),
    ],
)
def test_a_field_that_pools_do_not_have_is_told_and_the_pool_is_used(
    declared: dict[str, Any], words: str, hint: str
) -> None:
    result = loaded(declared)
    assert len(result.address_pools) == 1
    assert [(found.rule, found.severity, found.message(), found.hint) for found in result.problems] == [
        ("manifest/unknown-field", Severity.WARNING, words, hint)
    ]


def test_a_pool_as_a_cluster_prints_it_has_no_unknown_fields() -> None:
    declared = pool(serviceAllocation={"priority": 1, "namespaces": ["a"]}, avoidBuggyIPs=True, autoAssign=True)
    declared["metadata"] |= {"uid": "1", "generation": 2, "resourceVersion": "3", "managedFields": []}
    assert loaded({**declared, "status": {"assignedIPv4": 1}}).problems == ()


def test_of_two_pools_of_one_name_the_later_one_counts() -> None:
    result = loaded(pool(), pool(addresses=["203.0.113.0/24"]))
    assert [found.addresses for found in result.address_pools] == [("203.0.113.0/24",)]
    assert [problem.rule for problem in result.problems] == ["manifest/declared-twice"]


def test_namespaces_are_read_for_their_labels() -> None:
    labels = {"team": "a"}
    result = loaded({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}})
    assert result.namespaces == (Namespace("shop", labels=labels),)
    assert result.namespaces[0].all_labels == {"team": "a", "kubernetes.io/metadata.name": "shop"}


@pytest.mark.parametrize(
    ("text", "family", "first", "last"),
    [
        ("192.0.2.7/30", IPFamily.IPV4, 0xC0000204, 0xC0000207),
        ("192.0.2.1 - 192.0.2.9", IPFamily.IPV4, 0xC0000201, 0xC0000209),
        ("::/127", IPFamily.IPV6, 0, 1),
        ("::5-::5", IPFamily.IPV6, 5, 5),
    ],
)
def test_addresses_are_a_cidr_or_two_ends(text: str, family: IPFamily, first: int, last: int) -> None:
    assert AddressRange.of(text) == AddressRange(family, first, last)


def test_a_pool_made_in_python_is_judged_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="must be a CIDR"):
        AddressPool("x", ["nonsense"])


@pytest.mark.parametrize(
    ("requirement", "labels", "selects"),
    [
        (LabelRequirement("a", "In", ["b"]), {"a": "b"}, True),
        (LabelRequirement("a", "In", ["b"]), {}, False),
        (LabelRequirement("a", "NotIn", ["b"]), {}, True),
        (LabelRequirement("a", "NotIn", ["b"]), {"a": "b"}, False),
        (LabelRequirement("a", "Exists"), {"a": ""}, True),
        (LabelRequirement("a", "Exists"), {}, False),
        (LabelRequirement("a", "DoesNotExist"), {}, True),
        (LabelRequirement("a", "DoesNotExist"), {"a": ""}, False),
    ],
)
def test_a_selector_selects_labels(requirement: LabelRequirement, labels: dict[str, str], selects: bool) -> None:
    assert requirement.selects(labels) is selects
    assert LabelSelector({}, [requirement]).selects(labels) is selects
