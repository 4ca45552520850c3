from __future__ import annotations

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer import pdu
from appliance.upper_layer.pdu import PduType


def test_fixed_pdus_on_the_wire() -> None:
    assert pdu.encode_reject(1, 1, 3).hex(" ") == "03 00 00 00 00 04 00 01 01 03"
    assert pdu.encode_release(PduType.RELEASE_RQ).hex(" ") == "05 00 00 00 00 04 00 00 00 00"
    assert pdu.encode_release(PduType.RELEASE_RP).hex(" ") == "06 00 00 00 00 04 00 00 00 00"
    assert pdu.encode_abort(2, 6).hex(" ") == "07 00 00 00 00 04 00 00 02 06"


def test_a_service_user_aborts_without_a_reason() -> None:
    assert pdu.encode_abort(0, 6).hex(" ") == "07 00 00 00 00 04 00 00 00 00"


def test_reserved_bytes_are_not_tested() -> None:
    assert pdu.decode_reject(b"\xff\x02\x03\x01") == (2, 3, 1)
    assert pdu.decode_abort(b"\xff\xff\x02\x01") == (2, 1)


@pytest.mark.parametrize("triple", [(0, 1, 1), (3, 1, 1), (1, 1, 4), (1, 2, 3), (1, 3, 0), (1, 4, 1)])
def test_rejects_that_the_standard_does_not_have(triple: tuple[int, int, int]) -> None:
    with pytest.raises(LocalError):
        pdu.encode_reject(*triple)


@pytest.mark.parametrize("source_reason", [(1, 0), (3, 0), (2, 3), (2, 7)])
def test_aborts_that_the_standard_does_not_have(source_reason: tuple[int, int]) -> None:
    with pytest.raises(LocalError):
        pdu.encode_abort(*source_reason)


def test_titles_are_the_standards() -> None:
    assert [each.title for each in PduType] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "A-ASSOCIATE-RJ",
        "P-DATA-TF",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
        "A-ABORT",
    ]
