"""Label selectors as kubectl's `-l` takes them (apimachinery, `labels.Parse`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from svcc.errors import SettingsError
from svcc.validate.names import label_value_errors, qualified_name_errors

__all__ = ["LabelSelector", "parse_label_selector"]

LabelSelector = Callable[[Mapping[str, str]], bool]
"""Whether labels are selected."""

_KEY = r"(?P<key>[^\s,()!=<>]+)"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>[^\s,()!=<>]+)
      | {_KEY}\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      | {_KEY.replace("key", "key2")}\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s,()!=<>]*)
      | {_KEY.replace("key", "key3")}\s*(?P<order>[<>])\s*(?P<number>-?[0-9]{{1,18}})
      | (?P<present>[^\s,()!=<>]+)
    )\s*(?:,(?!\s*\Z)|\Z)""",
    re.VERBOSE,
)


def parse_label_selector(text: str) -> LabelSelector:
    """Parse a selector such as ``app=web,tier in (front, back),!legacy,replicas>2``; the empty one selects everything.

    Raises:
        SettingsError: the text is no selector.
    """
    requirements: list[LabelSelector] = []
    position = 0
    while position < len(text.rstrip()):
        match = _REQUIREMENT.match(text, position)
        if match is None:
            raise SettingsError(f'unable to parse the label selector "{text}" at "{text[position:].strip()}"')
        requirements.append(_requirement(match))
        position = match.end()
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(match: re.Match[str]) -> LabelSelector:
    key = _checked_key(match["absent"] or match["present"] or match["key"] or match["key2"] or match["key3"])
    if match["absent"] or match["present"]:
        wanted = match["present"] is not None
        return lambda labels: (key in labels) is wanted
    if match["order"]:
        return _ordered(key, match["order"], int(match["number"]))
    listed = match["values"].split(",") if match["set"] else [match["value"]]
    values = frozenset(_checked_value(key, value.strip()) for value in listed)
    included = match["set"] == "in" or match["operator"] in ("=", "==")
    return lambda labels: (labels.get(key) in values) is included


def _ordered(key: str, order: str, number: int) -> LabelSelector:
    def selects(labels: Mapping[str, str]) -> bool:
        value = labels.get(key, "")
        if not re.fullmatch("-?[0-9]{1,18}", value):
            return False
        return int(value) > number if order == ">" else int(value) < number

    return selects


def _checked_key(key: str) -> str:
    for error in qualified_name_errors(key):
        raise SettingsError(f'key: Invalid value: "{key}": {error}')
    return key


def _checked_value(key: str, value: str) -> str:
    for error in label_value_errors(value):
        raise SettingsError(f'values[0][{key}]: Invalid value: "{value}": {error}')
    return value
