"""AE titles and UIDs, as people write them and as devices send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base import names
from appliance.base.errors import ConfigError


@pytest.mark.parametrize(
    ("field", "title"),
    [
        (b"CT1             ", "CT1"),
        (b"  CT1           ", "CT1"),
        (b"CT1\0\0\0\0\0\0\0\0\0\0\0\0\0", "CT1"),
        (b"A B             ", "A B"),
        (b"                ", None),
        (b"\0" * 16, None),
        (b"../x\\y          ", None),
        (b"CT\n             ", None),
        (b"CT\xfc             ", None),
    ],
)
def test_ae_titles_from_the_wire(field: bytes, title: str | None) -> None:
    assert names.ae_title_from_wire(field) == title


@pytest.mark.parametrize("text", ["", " ", "A" * 17, "A\\B", "Ä", "A\tB"])
def test_ae_titles_that_a_person_may_not_write(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an AE title"):
        names.ae_title(text)


@pytest.mark.parametrize(
    ("field", "uid"),
    [
        (b"1.2.3\0", "1.2.3"),
        (b"1.2.3 ", "1.2.3"),
        (b"1.02.3", "1.02.3"),
        (b"../../x", None),
        (b"..", None),
        (b"1..2", None),
        (b"1.2\0.3", None),
        (b"", None),
        (b"1" * 65, None),
    ],
)
def test_uids_from_the_wire(field: bytes, uid: str | None) -> None:
    assert names.uid_from_wire(field) == uid


@given(st.binary(max_size=80))
def test_no_field_makes_the_readers_raise(field: bytes) -> None:
    names.uid_from_wire(field)
    names.ae_title_from_wire(field)
