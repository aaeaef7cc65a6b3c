"""Values made without conversion: they are what the class itself makes of the same parts."""

from __future__ import annotations

import pytest
from attrs import fields

from svcc.model.service import Service, ServicePort, ServiceType
from svcc.model.unconverted import changer, maker


def test_what_is_made_is_what_the_class_makes_of_the_same_parts() -> None:
    make = maker(Service, ("cluster_ips", "name", "type"))
    made = make(("10.96.0.1",), "web", ServiceType.NODE_PORT)
    usual = Service("web", cluster_ips=["10.96.0.1"], type=ServiceType.NODE_PORT)
    assert (made, hash(ServicePort(80))) == (usual, hash(maker(ServicePort, ("port",))(80)))
    for attribute in fields(Service):
        one, other = getattr(made, attribute.name), getattr(usual, attribute.name)
        assert type(one) is type(other), attribute.name


@pytest.mark.parametrize("names", [("name", "nmae"), ("namespace",), ()])
def test_fields_that_are_none_or_are_lacking_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not the fields of Service"):
        maker(Service, names)


def test_a_copy_has_other_values_and_leaves_the_original_as_it_was() -> None:
    usual = Service("web", ports=[ServicePort(80)])
    changed = changer(Service)(usual, {"cluster_ips": ("10.96.0.1",)})
    assert changed == Service("web", ports=[ServicePort(80)], cluster_ips=["10.96.0.1"])
    assert usual == Service("web", ports=[ServicePort(80)])
    with pytest.raises(AttributeError):
        changed.name = "other"  # type: ignore[misc]
