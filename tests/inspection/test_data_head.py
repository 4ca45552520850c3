"""The beginning of a data set in each encoding; any bytes are borne."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset

from appliance.inspection.data_head import BIG_ENDIAN, DEFLATED, IMPLICIT, Head, looks_executable, read_head

EXPLICIT = b"1.2.840.10008.1.2.1"
JPEG = b"1.2.840.10008.1.2.4.50"
ELF = b"\x7fELF\2\1\1" + bytes(101)


def encoded(data_set: Dataset, syntax: bytes) -> bytes:
    out = DicomFileLike(io.BytesIO())
    out.is_little_endian = syntax != BIG_ENDIAN
    out.is_implicit_VR = syntax == IMPLICIT
    write_dataset(out, data_set)
    return bytes(out.parent.getvalue())  # type: ignore[union-attr]


def example() -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPInstanceUID = "1.2.3"
    made.Modality = "CT"
    made.PatientName = "Doe^Jane"
    item = Dataset()
    item.Modality = "US"
    item.CodeValue = "x"
    made.RequestAttributesSequence = [item, item]
    return made


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, JPEG])
def test_facts_of_what_pydicom_wrote(syntax: bytes) -> None:
    head = read_head(encoded(example(), syntax), syntax, True)
    assert (head.modality, head.executable, head.path_in_uid, head.whole) == ("CT", "", False, True)
    assert head.keys >= 3
    assert "Doe" not in repr(head)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("nested", [False, True])
def test_a_program_is_found_in_each_encoding_and_in_sequences(syntax: bytes, nested: bool) -> None:
    made, inner = example(), Dataset()
    where = inner if nested else made
    where.add_new(0x00091010, "OB", ELF)
    if nested:
        inner.is_undefined_length_sequence_item = True
        made.add_new(0x0040A730, "SQ", [inner])
        made["ContentSequence"].is_undefined_length = True
    assert read_head(encoded(made, syntax), syntax, True).executable == "a Linux program (ELF)"


def test_an_encapsulated_frame_is_looked_at() -> None:
    frame = b"\xfe\xff\0\xe0\0\0\0\0" + b"\xfe\xff\0\xe0" + len(ELF).to_bytes(4, "little") + ELF
    data = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + frame
    assert read_head(data, JPEG, False).executable == "a Linux program (ELF)"


def test_what_is_deflated_is_not_guessed_at() -> None:
    assert read_head(encoded(example(), EXPLICIT), DEFLATED, True) == Head()


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_cut_anywhere_it_says_no_more_than_it_knows(syntax: bytes) -> None:
    data = encoded(example(), syntax)
    for size in range(len(data)):
        assert read_head(data[:size], syntax, False).modality in ("", "CT")


@given(st.binary(max_size=600), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, b"", b"1.2"]), st.booleans())
def test_any_bytes_are_borne(data: bytes, syntax: bytes, whole: bool) -> None:
    assert isinstance(read_head(data, syntax, whole), Head)
    assert isinstance(looks_executable(data), str)
