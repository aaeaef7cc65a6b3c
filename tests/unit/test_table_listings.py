"""What nft lists of a table, also where that is no JSON."""

from __future__ import annotations

import pytest

from svcc.apply.dormancy import dormant_table
from svcc.apply.session import NftError, table_objects
from svcc.errors import TargetError
from svcc.netlink import NetlinkSocket

# As nft 1.0.6 lists a dormant table when its flags' words are not UTF-8.
BROKEN = '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "svcc", "flags": \n'
DORMANT = "table ip svcc {\n\tflags dormant\n\n\tchain services {\n\t}\n}\n"


def test_a_dormant_table_is_told_as_such_where_nft_lists_it_as_what_is_no_json() -> None:
    found = table_objects(BROKEN, "ip", "svcc", lambda _family, _name: DORMANT)
    assert found == [{"table": {"family": "ip", "name": "svcc", "flags": ["dormant"]}}]


def test_a_table_that_goes_while_it_is_listed_is_none() -> None:
    assert table_objects("", "ip", "svcc", lambda _family, _name: None) is None


@pytest.mark.parametrize("text", [BROKEN, "", "[]", '{"nftables": [1]}'])
def test_any_other_listing_that_cannot_be_read_is_an_error_and_no_table(text: str) -> None:
    with pytest.raises(NftError, match=r"no JSON|not in libnftables' JSON form"):
        table_objects(text, "ip", "svcc", lambda _family, _name: DORMANT.replace("flags dormant", "flags owner"))


def test_a_kernel_that_does_not_answer_is_an_error_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_args: object) -> list[bytes | None]:
        raise TimeoutError("timed out")

    monkeypatch.setattr(NetlinkSocket, "ask_each", silent)
    with pytest.raises(TargetError, match="the kernel does not tell of table ip svcc: timed out"):
        dormant_table("ip", "svcc", lambda _command: None)
