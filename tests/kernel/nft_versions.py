"""Several versions of nft: the system's, and those of newer Debian suites, fetched once into a cache.

A suite's packages are downloaded by a private apt configuration, with everything they depend on down to the C library,
unpacked, and run by their own loader. Nothing is installed. The cache is not refreshed; remove its directory for that.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache, cached_property
from pathlib import Path

from attrs import frozen

SUITES = ("trixie", "sid")
SYSTEM_NAME = "system"
NAMES = (SYSTEM_NAME, *SUITES)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PATIENCE_SECONDS = 240


class UnavailableError(RuntimeError):
    """An nft program that cannot be had here; the message is a reason to skip a test with."""


@frozen
class Program:
    """An nft program: where it is from, and how it is run."""

    name: str
    command: tuple[str, ...]

    @cached_property
    def version(self) -> tuple[int, ...]:
        """What the program says its version is, such as (1, 0, 6)."""
        try:
            result = subprocess.run([*self.command, "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise UnavailableError(f"nft ({self.name}) does not run: {error}") from error
        found = re.search(r"v(\d+(?:\.\d+)+)", result.stdout)
        if found is None:
            raise UnavailableError(f"nft ({self.name}) does not tell its version: {result.stdout!r}")
        return tuple(int(part) for part in found[1].split("."))

    @property
    def version_text(self) -> str:
        """The version with its origin, for messages."""
        return f"{'.'.join(map(str, self.version))} ({self.name})"


SYSTEM = Program(SYSTEM_NAME, ("nft",))


def nft_programs() -> dict[str, Program]:
    """All programs that can be had here, by name; `nft_program` tells why one is missing."""
    found = {}
    for name in NAMES:
        try:
            found[name] = nft_program(name)
        except UnavailableError:
            continue
    return found


def nft_program(name: str) -> Program:
    """The program of this name, one of `NAMES`; `UnavailableError` with the reason if it cannot be had."""
    program, reason = _found(name)
    if program is None:
        raise UnavailableError(reason)
    return program


@cache
def _found(name: str) -> tuple[Program | None, str]:
    """A failure is remembered as well: what cannot be fetched is not asked for by each test anew."""
    try:
        program = SYSTEM if name == SYSTEM_NAME else _unpacked_program(name, _unpacked_suite(name))
        program.version  # noqa: B018 - a program that does not run is none
    except UnavailableError as error:
        return None, str(error)
    return program, ""


def _unpacked_program(suite: str, root: Path) -> Program:
    loader = next(root.glob("usr/lib/*/ld-linux*.so.*"), None)
    if loader is None:
        raise UnavailableError(f"no loader in the unpacked packages of {suite}: remove {root}")
    return Program(suite, (str(loader), "--library-path", str(loader.parent), str(root / "usr/sbin/nft")))


def _unpacked_suite(suite: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "svcc-tests" / "nft"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / suite
    with (cache / "lock").open("w") as lock:
        # Test processes run side by side; the first fetches, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                _fetch(suite, Path(work)).rename(target)
    return target


def _fetch(suite: str, work: Path) -> Path:
    """Download and unpack; the directory that has the files appears complete or not at all."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UnavailableError(f"nft of Debian {suite} needs {program}, which is missing here")
    archives = work / "archives"
    for directory in (work / "lists" / "partial", archives / "partial", work / "root"):
        directory.mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_archive()} {suite} main\n")
    settings = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work,
        "Dir::Cache::Archives": archives,
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": "20",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    apt = ["apt-get", "--quiet", *(f"-o{key}={value}" for key, value in settings.items())]
    _run(suite, *apt, "update")
    _run(suite, *apt, "install", "--yes", "--download-only", "--no-install-recommends", "nftables")
    for package in archives.glob("*.deb"):
        _run(suite, "dpkg-deb", "-x", str(package), str(work / "root"))
    return work / "root"


def _archive() -> str:
    """The Debian archive this machine is set up to use."""
    if not _KEYRING.exists():
        raise UnavailableError(f"no Debian archive keys here ({_KEYRING})")
    listing = _run(
        "targets", "apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(SUITE)", "Created-By: Packages"
    )
    for line in listing.splitlines():
        origin, uri, suite = line.split(" ", 2)
        if origin == "Debian" and "security" not in suite and "updates" not in suite:
            return uri
    raise UnavailableError("apt here is not set up for a Debian archive, or has no package lists yet (apt-get update)")


def _run(subject: str, *command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"nft of Debian {subject}: {command[0]} took more than {_PATIENCE_SECONDS} seconds"
        ) from error
    if result.returncode != 0:
        raise UnavailableError(f"nft of Debian {subject}: {command[0]} failed: {result.stderr.strip()}")
    return result.stdout
