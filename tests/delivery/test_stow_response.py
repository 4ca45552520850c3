from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.delivery.stow_response import JSON, XML, StoreResult, parse, uids

SQ = {"vr": "SQ"}


def reference(uid: str, **more: object) -> dict[str, object]:
    return {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": [uid]}, **more}


def reason(tag: str, value: object) -> dict[str, object]:
    return {tag: {"vr": "US", "Value": [value]}}


ANSWER = {
    "00081190": {"vr": "UR", "Value": ["https://pacs/studies/1"]},
    "00081199": SQ | {"Value": [reference("1.1"), reference("1.2", **reason("00081196", 0xB000))]},
    "00081198": SQ | {"Value": [reference("1.3", **reason("00081197", 0x0110)), reference("1.4")]},
}
RESULT = StoreResult({"1.1": None, "1.2": 0xB000}, {"1.3": 0x0110, "1.4": None})
NATIVE = """<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
 <DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence">
  <Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.1</Value></DicomAttribute></Item>
  <Item number="2"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2</Value></DicomAttribute>
   <DicomAttribute tag="00081196" vr="US"><Value number="1">45056</Value></DicomAttribute></Item>
 </DicomAttribute>
 <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence">
  <Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.3</Value></DicomAttribute>
   <DicomAttribute tag="00081197" vr="US"><Value number="1">272</Value></DicomAttribute></Item>
  <Item number="2"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.4</Value></DicomAttribute></Item>
 </DicomAttribute>
</NativeDicomModel>"""


@pytest.mark.parametrize("media_type", [JSON, "application/json"])
def test_json(media_type: str) -> None:
    assert parse(media_type, json.dumps(ANSWER).encode()) == RESULT
    assert parse(media_type, json.dumps([ANSWER]).encode()) == RESULT


@pytest.mark.parametrize("media_type", [XML, "application/xml", "text/xml"])
def test_xml(media_type: str) -> None:
    assert parse(media_type, NATIVE.encode()) == RESULT
    assert parse(media_type, NATIVE.replace("UTF-8", "UTF-16").encode("utf-16")) == RESULT


def test_padding_and_numbers_as_text_are_understood() -> None:
    answer = {"00081198": {"Value": [reference("1.3\0", **reason("00081197", "272"))]}}
    assert parse(JSON, json.dumps(answer).encode()) == StoreResult({}, {"1.3": 0x0110})


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html", b"<html>log in</html>"),
        ("", json.dumps(ANSWER).encode()),
        (JSON, b"{"),
        (JSON, json.dumps(ANSWER).encode()[:-5]),
        (JSON, b"\xff\xfe\x00"),
        (JSON, b"3"),
        (JSON, b"[3]"),
        (JSON, b"[" * 100_000),
        (XML, b"<a/>"),
        (XML, b"<NativeDicomModel>"),
        (XML, NATIVE.encode()[:-5]),
        (XML, NATIVE.replace("<Native", BOMB + "<Native", 1).encode()),
        (XML, NATIVE.replace("UTF-8", "UTF-16").replace("<Native", BOMB + "<Native", 1).encode("utf-16")),
        (XML, b""),
    ],
)
def test_what_is_no_answer(media_type: str, body: bytes) -> None:
    assert parse(media_type, body) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"00081199": 3},
        {"00081199": {"Value": 3}},
        {"00081199": {"Value": [3, None, []]}},
        {"00081199": {"Value": [{"00081155": {"Value": [{"x": 1}]}}]}},
    ],
)
def test_an_answer_that_names_nobody(answer: object) -> None:
    assert parse(JSON, json.dumps(answer).encode()) in (StoreResult({}, {}), StoreResult({"": None}, {}))


@pytest.mark.parametrize("number", [-1, 65536, 1.0, True, "x", None, {}, "99999"])
def test_a_reason_that_is_no_us_value_is_none(number: object) -> None:
    answer = {"00081198": {"Value": [reference("1.3", **reason("00081197", number))]}}
    assert parse(JSON, json.dumps(answer).encode()) == StoreResult({}, {"1.3": None})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["00081199", "00081198", "00081155", "00081197", "Value"]), inner)
    ),
    max_leaves=30,
)


@given(_json)
def test_any_json_is_a_result_or_none(document: object) -> None:
    result = parse(JSON, json.dumps(document).encode())
    assert result is None or isinstance(result, StoreResult)
    assert isinstance(uids(json.dumps(document).encode(), "00080018"), set)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_result_or_none(body: bytes) -> None:
    for media_type in (JSON, XML):
        assert parse(media_type, body) is None or parse(media_type, body)


def test_uids_of_a_query() -> None:
    found = [{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}, {"00080018": {"vr": "UI"}}, 5]
    assert uids(json.dumps(found).encode(), "00080018") == {"1.2.3"}
    assert uids(b"", "00080018") == uids(b"{}", "00080018") == set()
