"""What a YAML scalar means to Kubernetes: the table of go-yaml v2, and the step to JSON of sigs.k8s.io/yaml.

It is YAML 1.1 without timestamps, without base 60, with ``y`` and ``n``, and with ``0o`` of YAML 1.2. Checked scalar
by scalar against sigs.k8s.io/yaml 1.6.0.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Final

from attrs import frozen

from svcc.manifest.parsed import json_number

__all__ = ["RefusedScalarError", "Scalar", "changes", "key_text", "plain_value", "short_tag", "tagged_value"]

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_IN_JSON: Final = frozenset(
    (*(sign + word for word in (".inf", ".Inf", ".INF") for sign in ("", "+", "-")), ".nan", ".NaN", ".NAN")
)
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))",
    re.ASCII,
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_MOST_DIGITS: Final = 70
"""Of an integer in any base: 64 binary digits and some leading zeros; more never fit 64 bits."""
_INT64: Final = range(-(1 << 63), 1 << 63)
_UINT64: Final = range(1 << 64)
_LARGEST_FLOAT32: Final = 3.4028235677973366e38
_GO_SMALLEST_EXPONENT: Final = -4
_GO_EXPONENT_FROM: Final = 6
_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final[dict[str, tuple[type, ...]]] = {
    _CORE + "bool": (bool,),
    _CORE + "int": (int,),
    _CORE + "float": (float, int),
    _CORE + "null": (type(None),),
}


@frozen(eq=False)
class RefusedScalarError(ValueError):
    """A scalar that has no counterpart in JSON, or whose tag contradicts it; `detail` says which."""

    detail: str


def plain_value(text: str) -> Scalar:
    """The value of a scalar without quotes and without a tag.

    Raises `RefusedScalarError` for ``.inf`` and ``.nan``, which JSON does not know.
    """
    value = _resolved(text)
    return json_number(value) if isinstance(value, float) else value


def tagged_value(tag: str, text: str) -> Scalar:
    """The value of a scalar with a tag, such as ``!!str 80`` (a string) or ``!!int "80"`` (a number).

    Only the tags of JSON's own types are accepted: ``!!binary``, ``!!python/…`` and application tags (``!Ref``)
    raise `RefusedScalarError`, and so does a text that is not of the type its tag names.
    """
    if tag in {"!", _CORE + "str"}:
        return text
    types = _TAGS.get(tag)
    if types is None:
        raise RefusedScalarError(f"the tag {short_tag(tag)} has no meaning in a manifest")
    value = _resolved(text)
    if type(value) not in types:
        raise RefusedScalarError(f"{text!r} is not of the type that its tag {short_tag(tag)} names")
    return json_number(value) if isinstance(value, float) else value


def key_text(text: str, *, plain: bool) -> str:
    """The name that a scalar used as a key has in JSON: ``on`` is "true", ``0x10`` is "16", ``1.10`` is "1.1".

    Raises `RefusedScalarError` for null and for integers beyond 64 bits, as sigs.k8s.io/yaml does.
    """
    if not plain or (text not in _WORDS and text[0] not in _NUMBER_STARTS):
        return text
    if text in _WORDS:
        word = _WORDS[text]
        if word is None:
            raise RefusedScalarError("null cannot be a key")
        return "true" if word else "false"
    if text in _NOT_IN_JSON:
        return text.lower().removeprefix("+")
    number = _number(text)
    if number is None:
        return text
    if isinstance(number, float):
        return _float_key(number)
    if number not in _INT64:
        raise RefusedScalarError("an integer beyond 64 bits cannot be a key")
    return str(number)


def changes(text: str, value: Scalar) -> bool:
    """Whether the plain scalar `text` means something that JSON writes in another way: ``on``, ``0123``, ``1.10``."""
    if isinstance(value, str) or not text:
        return False
    return json.dumps(value) != text


def short_tag(tag: str) -> str:
    """A tag as people write it: ``!!int``, not ``tag:yaml.org,2002:int``."""
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


def _resolved(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if text in _NOT_IN_JSON:
        raise RefusedScalarError(f"{text} is not a number that JSON knows; quote it to make it a string")
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    """The number a scalar means, before JSON; None when it is a string."""
    if text[0] == ".":
        return _finite(text) if _FLOAT.fullmatch(text) else None
    digits = text.replace("_", "")
    found = _INTEGER.fullmatch(digits)
    if found is not None and found.lastgroup is not None:
        base = _BASES[found.lastgroup]
        significant = found[found.lastgroup].lstrip("0")
        if len(significant) <= _MOST_DIGITS:
            number = int(found["sign"] + (significant or "0"), base)
            if number in _INT64 or (number in _UINT64 and not found["sign"]):
                return number
    return _finite(digits) if _FLOAT.fullmatch(digits) else None


def _finite(text: str) -> float | None:
    """The float, or None where it does not fit 64 bits: go-yaml then keeps the string."""
    number = float(text)
    return None if number in {float("inf"), float("-inf")} else number


def _float_key(number: float) -> str:
    """Go's ``FormatFloat(number, 'g', -1, 32)``: the shortest digits that a 32-bit float tells apart."""
    if abs(number) >= _LARGEST_FLOAT32:
        return ".inf" if number > 0 else "-.inf"
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    for precision in range(9):
        shortest = f"{single:.{precision}e}"
        if abs(float(shortest)) < _LARGEST_FLOAT32 and struct.pack("f", float(shortest)) == struct.pack("f", single):
            break
    mantissa, _, exponent = shortest.partition("e")
    digits = mantissa.lstrip("-").replace(".", "")
    scale = int(exponent)
    if not _GO_SMALLEST_EXPONENT <= scale < _GO_EXPONENT_FROM:
        return f"{mantissa}e{scale:+03d}"
    return f"{float(shortest):.{max(len(digits) - 1 - scale, 0)}f}"
