"""How explanations call a Service, by DNS and by what people type."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from svcc import HEADLESS, Explanation, InputError, Service, ServicePort, explain
from svcc.explanation.contract import ReasonCode
from tests.unit.test_explanation import OTHER_POD, POD, codes, endpoint, explained, here, outcomes, slice_of, there, web


def records(explanation: Explanation) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(item.name, item.type, item.values) for item in explanation.names]


def test_the_names_of_a_service_with_cluster_ips() -> None:
    dual = web(
        cluster_ips=["10.96.0.10", "fd00:96::10"], ports=[ServicePort(80, "http"), ServicePort(53, "dns", "UDP")]
    )
    name = "web.shop.svc.cluster.local"
    assert records(explained(dual)) == [
        (name, "A", ("10.96.0.10",)),
        (name, "AAAA", ("fd00:96::10",)),
        (f"_http._tcp.{name}", "SRV", (f"80 {name}",)),
        (f"_dns._udp.{name}", "SRV", (f"53 {name}",)),
    ]


def test_the_names_of_a_headless_service_are_those_of_its_ready_endpoints() -> None:
    endpoints = [here(hostname="web-0"), there(), there("10.244.2.9", ready=False)]
    explanation = explained(
        web(cluster_ips=[HEADLESS], type="ClusterIP", ports=[ServicePort(80, "http")]), slice_of(*endpoints)
    )
    name = "web.shop.svc.cluster.local"
    assert records(explanation) == [
        (name, "A", (POD, OTHER_POD)),
        (f"web-0.{name}", "A", (POD,)),
        (f"10-244-2-2.{name}", "A", (OTHER_POD,)),
        (f"_http._tcp.{name}", "SRV", (f"8080 web-0.{name}", f"8080 10-244-2-2.{name}")),
    ]
    assert [item.note != "" for item in explanation.names] == [False, False, True, False]
    assert codes(endpoint(explanation, "10.244.2.9")) == [ReasonCode.NOT_READY]
    assert outcomes(explanation)["any address of this Service"] == "none"


def test_a_headless_service_may_publish_endpoints_that_are_not_ready() -> None:
    service = web(cluster_ips=[HEADLESS], type="ClusterIP", ports=[], publish_not_ready_addresses=True)
    explanation = explained(service, slice_of(here(ready=False)))
    assert explanation.names[0].values == (POD,)
    assert endpoint(explanation, POD).in_cluster_set


def test_an_external_name_is_a_cname_and_has_no_ports() -> None:
    service = Service("web", "shop", type="ExternalName", external_name="pay.example.com")
    explanation = explain([service], "web", namespace="shop", cluster_domain="corp.example.")
    assert records(explanation) == [("web.shop.svc.corp.example", "CNAME", ("pay.example.com",))]
    assert explanation.ports == ()
    assert outcomes(explanation) == {"any address of this Service": "none"}


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        ("web", "shop"),
        ("svc/web", "shop"),
        ("service/web", None),
        ("Service/web", None),
        ("shop/web", None),
        ("web", None),
        ("web.shop", None),
        ("svc/web.shop.svc.cluster.local", None),
    ],
)
def test_a_service_is_found_by_whatever_people_call_it(text: str, namespace: str | None) -> None:
    assert str(explain([web()], text, namespace=namespace).service) == "Service shop/web"


def names(*named: str) -> Iterable[Service]:
    for number, text in enumerate(named, 1):
        namespace, _, name = text.partition("/")
        yield Service(name, namespace, cluster_ips=[f"10.96.0.{number}"], ports=[ServicePort(80)])


@pytest.mark.parametrize(
    ("text", "namespace", "message", "hint"),
    [
        ("wbe", "shop", 'no Service "wbe" in namespace "shop"', "similar: web"),
        ("zzz", "shop", 'no Service "zzz" in namespace "shop"', "there are: cart, web"),
        ("cart", "ship", 'no Service "cart" in namespace "ship"', "there is one in namespace shop"),
        ("zzz", "ship", 'no Service "zzz" in namespace "ship"', "namespaces with Services: shop"),
        ("web", None, 'several Services "web"', "say which with -n: shop, tools"),
        ("a/b/c", None, '"a/b/c" names no Service', "write NAME, NAME.NAMESPACE or NAMESPACE/NAME, as in svc/web.shop"),
        ("svc/", None, '"svc/" names no Service', "write NAME, NAME.NAMESPACE or NAMESPACE/NAME, as in svc/web.shop"),
        ("web.ship", None, 'no Service "web" in namespace "ship"', "there is one in namespace shop, tools"),
        ("web.", None, 'several Services "web"', "say which with -n: shop, tools"),
        ("shop/web", "tools", '"shop/web" is in another namespace than "tools"', None),
    ],
)
def test_a_service_that_is_not_there_is_an_error_that_helps(
    text: str, namespace: str | None, message: str, hint: str | None
) -> None:
    with pytest.raises(InputError) as raised:
        explain(names("shop/web", "shop/cart", "tools/web"), text, namespace=namespace)
    assert message in raised.value.message
    assert raised.value.hint == hint


def test_among_several_the_one_in_the_default_namespace_is_meant() -> None:
    assert str(explain(names("shop/web", "default/web"), "web").service) == "Service default/web"


def test_a_service_with_errors_is_explained_by_its_errors() -> None:
    explanation = explain([web(ports=[ServicePort(0)])], "web")
    assert explanation.declared is None
    assert explanation.ports == ()
    assert [problem.path.steps[-1] for problem in explanation.problems] == ["port"]
