"""nftables through libnftables in this process."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from svcc.apply.dormancy import dormant_table
from svcc.apply.generation import Generations
from svcc.apply.kernel_elements import plain_elements
from svcc.apply.session import UNCERTAIN, NftError, listed_objects, nft_error, table_objects

__all__ = ["Library", "open_library"]

_LIBRARY: Final = "libnftables.so.1"
_DISTRIBUTIONS: Final = (
    "/usr/lib/python3/dist-packages",
    "/usr/lib/python{version}/site-packages",
    "/usr/lib64/python{version}/site-packages",
)
"""Where Debian and Ubuntu, and Fedora, Arch and Alpine, put the module; a virtualenv does not look there."""
_REMEMBERED_THREADS: Final = 16
_MOST_READINGS: Final = 3
_SKIPS_ELEMENTS: Final = 1, 1
"""The version since which the library does not read elements for a terse listing of a table; 1.0.6 only hides them."""
_STANDARD_ERROR: Final = 2
_WARNING: Final = b"have no json callback\n"
_MISSING: Final = "No such file or directory"
_LISTS_NO_TABLE: Final = "list flowtables"


class Library:
    """A session with libnftables; it belongs to the network namespace in which it was opened."""

    def __init__(self, module: ModuleType, origin: str) -> None:
        self._module = module
        self._nft = module.Nftables()
        self._generations = Generations()
        self._functions = _functions()
        self._origin = origin
        self._threads: collections.deque[int] = collections.deque(maxlen=_REMEMBERED_THREADS)
        version = self._version()
        self.name = f"libnftables {version} ({origin})"
        self._skips_elements = _is_at_least(version, _SKIPS_ELEMENTS)

    @property
    def process_ids(self) -> Collection[int]:
        """The threads that have run scripts; the kernel names threads where it says who made a commit."""
        return tuple(self._threads)

    def run(self, script: str, *, check: bool = False) -> None:
        """See `svcc.apply.session.Nft.run`."""
        if check:
            if (error := self._judged(script)) is not None:
                raise error
            return
        thread = threading.get_native_id()
        if thread not in self._threads:
            self._threads.append(thread)
        before = self._generations.now()
        self._nft.set_json_output(False)
        status, _output, told = self._nft.cmd(script)
        if status == 0:
            return
        error = nft_error(told, script)
        if error.errno in UNCERTAIN:
            error.is_uncertain = self._generations.now() != before
        # Of a script that is no file, libnftables tells columns, but no lines.
        again = None
        if not error.is_uncertain:
            # Without memory for a copy, the line stays unknown.
            with contextlib.suppress(OSError):
                again = self._judged(script)
        if again is not None and again.errno == error.errno:
            error.line = again.line
        raise error

    def _judged(self, script: str) -> NftError | None:
        """What is wrong with a script, with its place; None if nothing is.

        A context that has only checked something believes that it was done, and refuses the same ranges the next time;
        so each check has a context of its own.
        """
        context = self._module.Nftables()
        place = _context(context)
        self._functions.nft_ctx_set_dry_run(place, True)  # noqa: FBT003  (of C)
        with os.fdopen(os.memfd_create("svcc-script"), "wb") as stream:
            stream.write(script.encode(errors="surrogateescape"))
            stream.flush()
            path = f"/proc/self/fd/{stream.fileno()}".encode()
            status = self._functions.nft_run_cmd_from_filename(place, path)
        told: bytes = self._functions.nft_ctx_get_error_buffer(place)
        return None if status == 0 else nft_error(told.decode(errors="replace"), script)

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """See `svcc.apply.session.Nft.list_table`."""
        if (dormant := dormant_table(family, name, self._json)) is not None:
            return dormant
        text = self._listing(f"list table {family} {name}", json_output=True)
        return None if text is None else table_objects(text, family, name, self.list_text)

    def read_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """See `svcc.apply.session.TableReader.read_table`."""
        if (dormant := dormant_table(family, name, self._json)) is not None:
            return dormant
        # A context of its own, since one keeps all that it has listed: 1.1 GB for 424 000 elements; and one that has
        # listed parts of a table would take them for the whole when it runs a script.
        context = self._module.Nftables()
        for _ in range(_MOST_READINGS if self._skips_elements else 0):
            before = self._generations.now()
            try:
                listed = self._read_apart(context, family, name)
            except (OSError, NftError):
                # What was listed first may be gone since, or the kernel or the library not know how to answer.
                continue
            if self._generations.now() == before:
                return listed
        text = self._listing(f"list table {family} {name}", json_output=True, context=context)
        # Freed before its text becomes objects.
        del context
        return None if text is None else table_objects(text, family, name, self.list_text)

    def _read_apart(self, context: Any, family: str, name: str) -> list[dict[str, Any]] | None:
        """The table without elements, to which they are added set by set."""
        context.set_terse_output(True)
        text = self._listing(f"list table {family} {name}", json_output=True, context=context)
        if text is None:
            return None
        context.set_terse_output(False)
        listed = listed_objects(json.loads(text))
        for item in listed:
            for kind in item.keys() & {"set", "map"}:
                body = item[kind]
                found = plain_elements(family, name, body)
                if found is None:
                    command = f"list {kind} {family} {name} {body['name']}"
                    text = self._listing(command, json_output=True, context=context)
                    whole = [each[kind] for each in listed_objects(json.loads(text or "{}")) if kind in each]
                    item[kind] = whole[0] if whole else body
                elif found:
                    body["elem"] = found
        return listed

    def list_text(self, family: str, name: str) -> str | None:
        """See `svcc.apply.session.Nft.list_text`."""
        return self._listing(f"list table {family} {name}", json_output=False)

    def _listing(self, command: str, *, json_output: bool, context: Any = None) -> str | None:
        nft = context or self._nft
        nft.set_json_output(json_output)
        with _without_warnings():
            status, output, told = nft.cmd(command)
        if status == 0 and (output or not json_output):
            return str(output)
        error = nft_error(told, command)
        if error.words == _MISSING or error.words.endswith(f": {_MISSING}"):
            return None
        raise error

    def _json(self, command: str) -> str | None:
        return self._listing(command, json_output=True)

    def _version(self) -> str:
        # A listing tells it, whatever it lists. But not tables, which are anybody's: of one that is dormant or has an
        # owner, nft 1.0.6 takes the words of the flags from memory that holds something else.
        self._nft.set_json_output(True)
        status, output, told = self._nft.cmd(_LISTS_NO_TABLE)
        if status != 0:
            raise nft_error(told, _LISTS_NO_TABLE)
        about: dict[str, Any] = next(
            (item["metainfo"] for item in listed_objects(json.loads(output)) if "metainfo" in item), {}
        )
        return str(about.get("version", "of unknown version"))

    def close(self) -> None:
        """The module frees the library's memory and socket with its object."""
        self._generations.close()
        del self._nft


def _is_at_least(version: str, wanted: tuple[int, ...]) -> bool:
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return numbers is not None and tuple(map(int, numbers[0].split("."))) >= wanted


def _functions() -> ctypes.CDLL:
    """Functions of the library's own that modules before nft 1.0.6 do not have, as that of PyPI, which is 1.0.2's."""
    library = ctypes.CDLL(_LIBRARY)
    library.nft_ctx_set_dry_run.argtypes = (ctypes.c_void_p, ctypes.c_bool)
    library.nft_ctx_set_dry_run.restype = None
    library.nft_run_cmd_from_filename.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    library.nft_run_cmd_from_filename.restype = ctypes.c_int
    library.nft_ctx_get_error_buffer.argtypes = (ctypes.c_void_p,)
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library


def _context(nft: Any) -> Any:
    """The library's own object, which old modules offer no other way to."""
    return nft._Nftables__ctx  # noqa: SLF001


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep libnftables before 1.0.8 from printing, for each rule that updates a map, that it has no JSON for it.

    It prints to the descriptor of standard error, which is another file meanwhile; what else got there is passed on.
    """
    try:
        aside = os.dup(_STANDARD_ERROR)
    except OSError:
        # Standard error is closed.
        yield
        return
    with os.fdopen(aside, "wb", buffering=0) as error, os.fdopen(os.memfd_create("svcc-warnings"), "w+b") as meanwhile:
        os.dup2(meanwhile.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(error.fileno(), _STANDARD_ERROR)
            meanwhile.seek(0)
            others = [line for line in meanwhile if not line.endswith(_WARNING)]
            if others:
                # Whoever reads it may be gone.
                with contextlib.suppress(OSError):
                    error.write(b"".join(others))


def open_library() -> Library | None:
    """The library by the module `nftables`: the distribution's, else the copy that is installed; None without them.

    Raises:
        NftError: there is the library, and it refuses to list what there is.
    """
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    for module, origin in _modules():
        try:
            return Library(module, origin)
        except (OSError, AttributeError):
            # A module that fits the library no more, or is no such module: try the next.
            continue
    return None


def _modules() -> Iterator[tuple[ModuleType, str]]:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for template in _DISTRIBUTIONS:
        for place in ("nftables/__init__.py", "nftables.py"):
            path = Path(template.format(version=version), place)
            if path.is_file():
                spec = importlib.util.spec_from_file_location("svcc_distribution_nftables", path)
                if spec is not None and spec.loader is not None:
                    module = importlib.util.module_from_spec(spec)
                    sys.modules[spec.name] = module
                    try:
                        spec.loader.exec_module(module)
                    except (ImportError, OSError, SyntaxError):
                        continue
                    yield module, "python3-nftables"
    try:
        yield importlib.import_module("nftables"), "oxl-libnftables"
    except (ImportError, OSError):
        return
