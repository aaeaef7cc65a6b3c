"""Reading dumps: packed, cut off, empty, and of the machine itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from svcc.auditing import dump
from svcc.auditing.dump import live_dump, unpacked
from svcc.errors import InputError, TargetError

DUMP = b'{"nftables": []}' + b" " * 1000


def program(folder: Path, script: str) -> str:
    path = folder / "nft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_dump_comes_as_it_is_or_packed_in_any_number_of_pieces() -> None:
    assert unpacked(DUMP, "d") == DUMP
    assert unpacked(gzip.compress(DUMP, mtime=0), "d") == DUMP
    assert unpacked(gzip.compress(DUMP[:300], mtime=0) + gzip.compress(DUMP[300:], mtime=0), "d") == DUMP


@pytest.mark.parametrize("kept", [3, 20, -1])
def test_a_packed_dump_that_is_cut_off_is_refused(kept: int) -> None:
    with pytest.raises(InputError, match=r"node\.json\.gz: the dump is cut off"):
        unpacked(gzip.compress(DUMP, mtime=0)[:kept], "node.json.gz")


def test_a_packed_dump_that_is_damaged_is_refused() -> None:
    packed = bytearray(gzip.compress(DUMP, mtime=0))
    packed[-6] ^= 1
    with pytest.raises(InputError, match="gzip cannot unpack it"):
        unpacked(bytes(packed), "d")


def test_a_packed_dump_that_grows_without_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "_LARGEST", 1000)
    with pytest.raises(InputError, match="larger than"):
        unpacked(gzip.compress(DUMP, mtime=0), "d")


@pytest.mark.parametrize("data", [b"", b" \n", gzip.compress(b"\n", mtime=0)], ids=["nothing", "blank", "packed"])
def test_an_empty_dump_is_refused_with_what_makes_one(data: bytes) -> None:
    with pytest.raises(InputError, match="the dump is empty") as caught:
        unpacked(data, "d")
    assert caught.value.hint == "make one with: nft -j list ruleset"


def test_the_machines_own_rules_are_what_nft_prints(tmp_path: Path) -> None:
    assert live_dump(program(tmp_path, 'echo "$@"')) == b"-j list ruleset\n"


def test_nft_that_refuses_is_an_error_of_the_target_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="failed with 1: Operation not permitted") as caught:
        live_dump(program(tmp_path, 'echo "Operation not\npermitted" >&2; exit 1'))
    assert caught.value.exit_code == 3


def test_nft_that_prints_nothing_is_an_error_of_the_target(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="listed nothing"):
        live_dump(program(tmp_path, "true"))


def test_nft_that_is_missing_is_an_error_of_the_target(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not installed"):
        live_dump(str(tmp_path / "nft"))
    with pytest.raises(TargetError, match="cannot be run"):
        live_dump(str(tmp_path))


def test_an_nft_that_crashes_is_not_told_to_need_root(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="was ended by signal 11") as caught:
        live_dump(program(tmp_path, "kill -SEGV $$"))
    assert caught.value.hint == "this nft may be older than the rules: try another, and audit its dump"
