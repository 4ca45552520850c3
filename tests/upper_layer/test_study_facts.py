from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from appliance.upper_layer import study_facts
from appliance.upper_layer.data_head import HeadParser
from appliance.upper_layer.study_facts import PATIENT_NAME, STUDY_DESCRIPTION, STUDY_UID, TAGS, decode, encode
from tests.upper_layer.test_data_head import data_set
from tests.upper_layer.test_data_head import encode as written
from tests.upper_layer.wire import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

SAID = {
    "PatientName": "Doe^Jane",
    "PatientID": "MRN-1",
    "PatientBirthDate": "19310704",
    "PatientSex": "F",
    "StudyDate": "20260301",
    "StudyTime": "101112",
    "StudyDescription": "Thorax",
    "SeriesDescription": "axial",
    "AccessionNumber": "ACC1",
    "BodyPartExamined": "CHEST",
    "SeriesNumber": 3,
}


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_any_dicom_library_reads_what_was_kept_of_a_data_set(syntax: str) -> None:
    sent = data_set(**SAID)
    parser = HeadParser(syntax, TAGS)
    parser.feed(memoryview(written(sent, syntax)))
    kept = encode(parser.values(), 598)
    read = read_dataset(BytesIO(kept), is_implicit_VR=False, is_little_endian=True)
    assert {element.tag: element.value for element in read} == {
        element.tag: element.value for element in sent if element.tag in TAGS
    }
    assert len(read) == 16
    assert decode(kept) == {tag: value.strip(b"\0 ") for tag, value in parser.values().items()}


def test_nothing_is_kept_unasked() -> None:
    parser = HeadParser(EXPLICIT)
    parser.feed(memoryview(written(data_set(**SAID), EXPLICIT)))
    assert parser.values() == {}


def test_what_does_not_fit_is_left_out_whole_and_the_least_needed_first() -> None:
    values = {PATIENT_NAME: b"N" * 60, STUDY_UID: b"1.2.3", STUDY_DESCRIPTION: b"D" * 60}
    assert set(decode(encode(values, 68))) == {PATIENT_NAME}
    assert set(decode(encode(values, 90))) == {PATIENT_NAME, STUDY_UID}
    assert set(decode(encode(values, 200))) == set(values)
    assert encode({**values, PATIENT_NAME: b""}, 0) == encode({0x00100020 + 0x50: b"x"}, 99) == b""


@given(st.dictionaries(st.sampled_from(sorted(TAGS)), st.binary(max_size=194)), st.integers(0, 700))
def test_it_always_fits_and_comes_back(values: dict[int, bytes], room: int) -> None:
    kept = encode(values, room)
    assert len(kept) <= room
    for tag, value in decode(kept).items():
        assert value == values[tag].strip(b"\0 ")


@given(st.binary(max_size=700))
def test_reading_anything_raises_nothing(junk: bytes) -> None:
    assert set(decode(junk)) <= TAGS
    cut = encode({PATIENT_NAME: b"Doe^Jane", STUDY_UID: b"1.2.3"}, 598)
    assert set(decode(cut + junk)) >= {PATIENT_NAME, STUDY_UID}


def test_a_cut_shows_what_stands_before_it() -> None:
    whole = encode({PATIENT_NAME: b"Doe^Jane", STUDY_UID: b"1.2.3"}, 598)
    assert decode(whole[:-1]) == {PATIENT_NAME: b"Doe^Jane"}
    assert study_facts.decode(b"") == {}
