"""The key that signs what is sent to a name server (TSIG, RFC 8945), as files of BIND and Knot hold it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

from svcc.errors import InputError
from svcc.fields import printable

__all__ = ["ALGORITHMS", "TsigKey", "read_tsig_key", "tsig_key_of_text"]

ALGORITHMS = {
    "hmac-md5": "hmac-md5.sig-alg.reg.int.",
    "hmac-sha1": "hmac-sha1.",
    "hmac-sha224": "hmac-sha224.",
    "hmac-sha256": "hmac-sha256.",
    "hmac-sha384": "hmac-sha384.",
    "hmac-sha512": "hmac-sha512.",
}
"""Algorithms by the names that configurations use, and their names in messages (RFC 8945, table 3)."""

_MOST_BYTES = 1 << 20
_TOKEN = re.compile(r'"(?P<quoted>[^"\n]*)"|/\*.*?\*/|//[^\n]*|#[^\n]*|(?P<plain>[{};]|[^\s{};"]+)', re.DOTALL)
_KNOT_LINE = re.compile(r"(?P<indent>\s*)(?P<item>-\s+)?(?P<name>[a-z-]+):\s*(?P<value>.*?)\s*")
_NAME = re.compile(r"[a-z0-9_](?:[-a-z0-9_]{0,62})(?:\.[a-z0-9_][-a-z0-9_]{0,62})*")


@frozen
class TsigKey:
    """A shared secret and its name; the name is absolute and in lower case, the algorithm one of `ALGORITHMS`."""

    name: str
    algorithm: str
    secret: bytes = field(repr=False)


def read_tsig_key(path: Path) -> TsigKey:
    """The key in a file.

    Raises:
        InputError: the file holds no key, or several, or one that cannot be used.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path}: is too large to be the file of a key")
    return tsig_key_of_text(content.decode("utf-8", "replace"), str(path))


def tsig_key_of_text(text: str, place: str) -> TsigKey:
    """The key in a text of the form that ``tsig-keygen`` prints, or ``keymgr -t``; `place` names it in messages.

    Statements about other things than keys are passed over, so that a server's own configuration may be given.

    Raises:
        InputError: there is no key in it, or there are several, or one that cannot be used. The secret is not shown.

    >>> tsig_key_of_text('key "push" { algorithm hmac-sha256; secret "c2VjcmV0"; };', "push.key")
    TsigKey(name='push.', algorithm='hmac-sha256')
    """
    found = [*_bind_keys(text), *_knot_keys(text)]
    if not found:
        raise InputError(
            f"{place}: there is no key in it",
            hint='a key is written as key "NAME" { algorithm hmac-sha256; secret "..."; }; make one with tsig-keygen',
        )
    if len(found) > 1:
        names = ", ".join(printable(statement.get("name", "")) for statement in found[:5])
        raise InputError(f"{place}: there are {len(found)} keys in it: {names}", hint="give a file with one of them")
    return _key(found[0], place)


def _key(statement: dict[str, str], place: str) -> TsigKey:
    for needed in ("name", "algorithm", "secret"):
        if not statement.get(needed):
            raise InputError(f"{place}: the key has no {needed}")
    name = statement["name"].lower().removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise InputError(f"{place}: {printable(statement['name'])!r} cannot be the name of a key")
    algorithm = statement["algorithm"].lower().removesuffix(".").removesuffix(".sig-alg.reg.int")
    if algorithm not in ALGORITHMS:
        raise InputError(
            f"{place}: the algorithm {printable(statement['algorithm'])!r} is not known",
            hint=f"known are {', '.join(ALGORITHMS)}",
        )
    try:
        secret = base64.b64decode(statement["secret"], validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{place}: the secret of the key {name} is not base64") from None
    if not secret:
        raise InputError(f"{place}: the key has no secret")
    return TsigKey(f"{name}.", algorithm, secret)


def _bind_keys(text: str) -> Iterator[dict[str, str]]:
    """The statements ``key NAME { ... }`` of BIND's configuration language, whose comments are those of C and shell."""
    tokens = [
        match["plain"] if match["quoted"] is None else match["quoted"]
        for match in _TOKEN.finditer(text)
        if match["plain"] is not None or match["quoted"] is not None
    ]
    index = 0
    while index + 2 < len(tokens):
        if tokens[index] != "key" or tokens[index + 2] != "{":
            index += 1
            continue
        statement = {"name": tokens[index + 1]}
        index += 3
        while index < len(tokens) and tokens[index] != "}":
            if tokens[index] in {"algorithm", "secret"} and index + 1 < len(tokens):
                statement[tokens[index]] = tokens[index + 1]
                index += 1
            index += 1
        yield statement


def _knot_keys(text: str) -> Iterator[dict[str, str]]:
    """The items of the section ``key:`` of Knot's configuration, which is a small part of YAML."""
    inside = False
    statement: dict[str, str] | None = None
    for line in text.splitlines():
        match = _KNOT_LINE.fullmatch(re.sub(r"(^|\s)#.*", "", line))
        if match is None:
            continue
        if not match["indent"] and not match["item"]:
            inside = match["name"] == "key" and not match["value"]
            continue
        if not inside:
            continue
        if match["item"]:
            if statement is not None:
                yield statement
            statement = {}
        if statement is not None:
            statement["name" if match["name"] == "id" else match["name"]] = match["value"].strip("\"'")
    if statement is not None:
        yield statement
