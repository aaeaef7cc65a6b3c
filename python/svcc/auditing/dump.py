"""Where the rules of a node come from: a dump, packed or not, or the node that svcc runs on."""

from __future__ import annotations

import gzip
import io
import subprocess
import zlib
from typing import Final

from svcc.errors import InputError, TargetError
from svcc.fields import printable

__all__ = ["live_dump", "unpacked"]

_GZIP: Final = b"\x1f\x8b"
_LARGEST: Final = 1 << 32
"""Bytes; the dump of 100 000 Services takes a quarter of it."""
_MAKE_ONE: Final = "make one with: nft -j list ruleset"


def unpacked(data: bytes, name: str) -> bytes:
    """The text of a dump that may be packed by gzip; `name` is the file's, for errors.

    Raises:
        InputError: there is nothing in it, or gzip cannot unpack it: it is cut off, damaged, or larger than 4 GiB.
    """
    if data.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(_LARGEST + 1)
        except EOFError:
            raise InputError(f"{name}: the dump is cut off: gzip misses its end") from None
        except (OSError, zlib.error) as error:
            raise InputError(f"{name}: gzip cannot unpack it: {printable(str(error))}") from None
        if len(data) > _LARGEST:
            raise InputError(f"{name}: the dump is larger than {_LARGEST >> 30} GiB")
    if not data.strip():
        raise InputError(f"{name}: the dump is empty", hint=_MAKE_ONE)
    return data


def live_dump(program: str = "nft") -> bytes:
    """The rules of the network namespace that svcc runs in, as nft lists them in JSON.

    Raises:
        TargetError: nft is missing or refuses, as it does to all but root.
    """
    try:
        result = subprocess.run([program, "-j", "list", "ruleset"], capture_output=True, check=False)
    except FileNotFoundError:
        raise TargetError(f"{program} is not installed", hint="audit a dump that was made on the node") from None
    except OSError as error:
        raise TargetError(f"{program} cannot be run: {error.strerror or error}") from None
    if result.returncode or not result.stdout.strip():
        told = printable(" ".join(result.stderr.decode(errors="replace").split()))
        crashed = result.returncode < 0
        failed = f"failed with {result.returncode}" if result.returncode else "listed nothing"
        if crashed:
            failed = f"was ended by signal {-result.returncode}"
        hint = "this nft may be older than the rules: try another, and audit its dump" if crashed else "it needs root"
        raise TargetError(f"{program} -j list ruleset {failed}{': ' if told else ''}{told}", hint=hint)
    return result.stdout
