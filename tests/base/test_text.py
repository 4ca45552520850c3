"""Washed text is printable, short, and shows what it was."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.base.text import wash


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.integers(8, 100))
def test_nothing_but_printable_ascii_comes_through(raw: bytes | str, limit: int) -> None:
    washed = wash(raw, limit)
    assert len(washed) <= limit
    assert all(" " <= character <= "~" or character == "…" for character in washed)


def test_what_was_there_can_be_read() -> None:
    assert wash(b"CT1\n\\x") == "CT1\\x0a\\x5cx"
    assert wash("ü") == "\\xc3\\xbc"
    assert wash("\udcff") == "\\xff"
