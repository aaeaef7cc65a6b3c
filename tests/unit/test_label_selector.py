"""Label selectors as kubectl takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.errors import SettingsError
from svcc.manifest.label_selector import parse_label_selector

LABELS = {"app": "web", "tier": "front", "replicas": "3", "example.com/team": "", "in": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        " app = web ",
        "app!=db",
        "owner!=me",
        "!owner",
        "! owner",
        "app in (web)",
        "app in (db, web)",
        "app in(web)",
        "app notin (db,cache)",
        "owner notin (me)",
        "example.com/team=",
        "example.com/team",
        "replicas>2",
        "replicas < 4",
        "app=web,tier in (front,back),!owner,replicas>2",
        "in",
        "in=x",
        "in in (x)",
    ],
)
def test_a_selector_selects(text: str) -> None:
    assert parse_label_selector(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "owner",
        "app=db",
        "app!=web",
        "!app",
        "app in (db,cache)",
        "app notin (web)",
        "app=",
        "replicas>3",
        "replicas<3",
        "app>1",
        "owner>1",
        "app=web,tier=back",
    ],
)
def test_a_selector_does_not_select(text: str) -> None:
    assert not parse_label_selector(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "=web",
        "app=web,",
        ",app",
        "app in",
        "app in web",
        "app in (web",
        "app=a b",
        "app=(x)",
        "a b",
        "!",
        "app>x",
        "a=b=c",
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="unable to parse the label selector"):
        parse_label_selector(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-app=web", 'key: Invalid value: "-app": name part must consist of'),
        ("app=-web", 'values\\[0\\]\\[app\\]: Invalid value: "-web": a valid label must be'),
    ],
)
def test_keys_and_values_of_wrong_form_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_label_selector(text)


@given(st.text("ab=!,<>() in1/.-", max_size=12))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        selects = parse_label_selector(text)
    except SettingsError:
        return
    assert selects(LABELS) in {True, False}
