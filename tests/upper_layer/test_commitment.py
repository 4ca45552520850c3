"""Storage commitment's data sets: against pydicom, cut and broken everywhere, and whatever hypothesis finds."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from appliance.base import limits
from appliance.upper_layer.commitment import (
    ALL_COMMITTED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    FAILURES_EXIST,
    IMPLICIT_VR_LITTLE_ENDIAN,
    INVALID_ARGUMENT,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    TRANSFER_SYNTAXES,
    ReferencesRefused,
    decode_report,
    decode_request,
    encode_report,
    encode_request,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
TRANSACTION = "1.2.826.0.1.3680043.9.9999.7"
REFERENCES = tuple((CT, f"1.2.3.{number}") for number in range(3))
syntaxes = pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)


def written(data_set: Dataset, syntax: str, *, undefined: bool = False) -> bytes:
    """As pydicom writes it, sequences and items with or without a stated length."""
    for element in data_set:
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(out, data_set)
    return out.getvalue()


def read(data: bytes, syntax: str) -> Dataset:
    """As pydicom reads it."""
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax) + len(syntax) % 2) + syntax.encode()
    return dcmread(BytesIO(bytes(128) + b"DICM" + meta + bytes(len(syntax) % 2) + data), force=True)


def asked(references: tuple[tuple[str, str], ...] = REFERENCES) -> Dataset:
    data_set = Dataset()
    data_set.RetrieveAETitle = "SOMEBODY"
    data_set.TransactionUID = TRANSACTION
    data_set.ReferencedSOPSequence = []
    for sop_class, instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        data_set.ReferencedSOPSequence.append(item)
    return data_set


def status(data: bytes, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> int:
    with pytest.raises(ReferencesRefused) as caught:
        decode_request(data, syntax)
    assert TRANSACTION not in str(caught.value)
    return caught.value.status


@syntaxes
@pytest.mark.parametrize("undefined", [True, False])
def test_reads_what_pydicom_writes(syntax: str, undefined: bool) -> None:
    assert decode_request(written(asked(), syntax, undefined=undefined), syntax) == (TRANSACTION, REFERENCES)


@syntaxes
def test_passes_over_what_it_does_not_want(syntax: str) -> None:
    data_set = asked()
    step = Dataset()
    step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.3", "1.9"
    data_set.ReferencedPerformedProcedureStepSequence = [step]
    data_set.StorageMediaFileSetUID = "1.8"
    nested = data_set.ReferencedSOPSequence[1]
    nested.add_new(0x00091010, "OB", b"\xfe\xff\x0d\xe0\0\0\0\0")
    nested.PurposeOfReferenceCodeSequence = [Dataset()]
    for undefined in (True, False):
        assert decode_request(written(data_set, syntax, undefined=undefined), syntax) == (TRANSACTION, REFERENCES)


@syntaxes
def test_what_we_write_is_read_by_pydicom_and_by_us(syntax: str) -> None:
    data = encode_request(TRANSACTION, REFERENCES, syntax)
    assert decode_request(data, syntax) == (TRANSACTION, REFERENCES)
    seen = read(data, syntax)
    assert [each.ReferencedSOPInstanceUID for each in seen.ReferencedSOPSequence] == [uid for _, uid in REFERENCES]


@syntaxes
@pytest.mark.parametrize(
    ("reasons", "event", "failed", "committed"),
    [
        ([0, 0, 0], ALL_COMMITTED, [], [0, 1, 2]),
        ([0, NO_SUCH_INSTANCE, 0], FAILURES_EXIST, [1], [0, 2]),
        ([NO_SUCH_INSTANCE] * 3, FAILURES_EXIST, [0, 1, 2], []),
    ],
)
def test_every_instance_is_in_one_sequence_of_the_report(
    syntax: str, reasons: list[int], event: int, failed: list[int], committed: list[int]
) -> None:
    event_type, data = encode_report(TRANSACTION, REFERENCES, reasons, syntax)
    seen = read(data, syntax)
    assert event_type == event
    assert seen.TransactionUID == TRANSACTION
    assert [each.ReferencedSOPInstanceUID for each in seen.get("ReferencedSOPSequence", [])] == [
        REFERENCES[index][1] for index in committed
    ]
    assert [(each.ReferencedSOPInstanceUID, each.FailureReason) for each in seen.get("FailedSOPSequence", [])] == [
        (REFERENCES[index][1], NO_SUCH_INSTANCE) for index in failed
    ]
    assert all(each.ReferencedSOPClassUID == CT for each in seen.get("FailedSOPSequence", []))
    assert ("FailedSOPSequence" in seen, "ReferencedSOPSequence" in seen) == (bool(failed), bool(committed))


def test_what_is_missing_is_named() -> None:
    for field in ("TransactionUID", "ReferencedSOPSequence"):
        data_set = asked()
        delattr(data_set, field)
        assert status(written(data_set, EXPLICIT_VR_LITTLE_ENDIAN)) == INVALID_ARGUMENT
    assert status(written(asked(()), EXPLICIT_VR_LITTLE_ENDIAN)) == INVALID_ARGUMENT
    data_set = asked()
    del data_set.ReferencedSOPSequence[0].ReferencedSOPClassUID
    assert status(written(data_set, EXPLICIT_VR_LITTLE_ENDIAN)) == INVALID_ARGUMENT


@pytest.mark.parametrize("uid", [b"../../etc/passwd", b"1.2.3\\1.2.4", b"1" * 66, b"", b"\0\0", b"1.2.\xff3"])
def test_a_uid_that_is_none_is_refused(uid: bytes) -> None:
    uid += b"\0" * (len(uid) % 2)
    head = b"\x08\x00\x95\x11UI" + struct.pack("<H", len(uid)) + uid
    rest = encode_request(TRANSACTION, REFERENCES, EXPLICIT_VR_LITTLE_ENDIAN)
    rest = rest[8 + rest[6] :]
    assert status(head + rest) == INVALID_ARGUMENT


@syntaxes
@pytest.mark.parametrize("undefined", [True, False])
def test_cut_anywhere_it_is_refused(syntax: str, undefined: bool) -> None:
    data_set = asked()
    del data_set.RetrieveAETitle
    whole = written(data_set, syntax, undefined=undefined)
    for length in range(len(whole)):
        with pytest.raises(ReferencesRefused):
            decode_request(whole[:length], syntax)


def test_more_instances_than_we_take_is_a_resource_limitation() -> None:
    most = limits.COMMITMENT_INSTANCES.default
    references = tuple((CT, f"1.2.3.{number}") for number in range(most + 1))
    assert status(encode_request(TRANSACTION, references, EXPLICIT_VR_LITTLE_ENDIAN)) == RESOURCE_LIMITATION
    data = encode_request(TRANSACTION, references[:most], EXPLICIT_VR_LITTLE_ENDIAN)
    assert len(decode_request(data, EXPLICIT_VR_LITTLE_ENDIAN)[1]) == most
    longest = tuple((CT + "." + "9" * 38, "1." + "8" * 62) for _ in range(most))
    assert len(encode_request(TRANSACTION, longest, EXPLICIT_VR_LITTLE_ENDIAN)) < limits.COMMITMENT_REQUEST.default


def test_depth_costs_no_stack() -> None:
    deep = (b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff") * 50_000
    assert status(b"\x08\x00\x95\x11UI\x04\x001.2\0" + deep) == PROCESSING_FAILURE


def test_an_element_that_comes_twice_is_refused() -> None:
    once = encode_request(TRANSACTION, REFERENCES, EXPLICIT_VR_LITTLE_ENDIAN)
    assert status(once + once) == PROCESSING_FAILURE


@given(st.binary(max_size=400), st.sampled_from(TRANSFER_SYNTAXES))
def test_whatever_the_bytes_it_returns_or_refuses(data: bytes, syntax: str) -> None:
    try:
        decode_request(data, syntax)
    except ReferencesRefused as refused:
        assert refused.status in (INVALID_ARGUMENT, PROCESSING_FAILURE, RESOURCE_LIMITATION)


@given(st.data(), st.sampled_from(TRANSFER_SYNTAXES), st.booleans())
def test_a_request_with_bytes_changed_returns_or_refuses(draw: st.DataObject, syntax: str, undefined: bool) -> None:
    data = bytearray(written(asked(), syntax, undefined=undefined))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        _, references = decode_request(bytes(data), syntax)
        assert len(references) <= len(data) // 8
    except ReferencesRefused:
        pass


# Reports as they are taken


@syntaxes
def test_a_report_is_read_as_it_was_written(syntax: str) -> None:
    _, data = encode_report(TRANSACTION, REFERENCES, (0, NO_SUCH_INSTANCE, 0), syntax)
    assert decode_report(data, syntax) == (TRANSACTION, dict(zip(REFERENCES, (0, NO_SUCH_INSTANCE, 0), strict=True)))


@syntaxes
@pytest.mark.parametrize("undefined", [False, True])
def test_a_report_of_pydicom_is_read(syntax: str, undefined: bool) -> None:
    said = asked(REFERENCES[:1])
    failed = Dataset()
    failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID, failed.FailureReason = CT, "1.2.3.9", 0x0213
    said.FailedSOPSequence = [failed]
    reasons = decode_report(written(said, syntax, undefined=undefined), syntax)[1]
    assert reasons == {REFERENCES[0]: 0, (CT, "1.2.3.9"): RESOURCE_LIMITATION}


def test_where_it_says_both_the_failure_counts_and_one_without_a_reason_is_a_failure() -> None:
    said = asked(REFERENCES[:1])
    failed = Dataset()
    failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID = REFERENCES[0]
    said.FailedSOPSequence = [failed]
    data = written(said, EXPLICIT_VR_LITTLE_ENDIAN)
    assert decode_report(data, EXPLICIT_VR_LITTLE_ENDIAN)[1] == {REFERENCES[0]: PROCESSING_FAILURE}


@given(st.binary(max_size=300), st.sampled_from(TRANSFER_SYNTAXES))
def test_whatever_comes_as_a_report_returns_or_is_refused(data: bytes, syntax: str) -> None:
    try:
        transaction, reasons = decode_report(data, syntax)
    except ReferencesRefused as error:
        assert error.status
    else:
        assert transaction and reasons


@syntaxes
def test_a_report_that_is_cut_anywhere_is_refused_or_shorter(syntax: str) -> None:
    _, data = encode_report(TRANSACTION, REFERENCES, (0, NO_SUCH_INSTANCE, 0), syntax)
    for end in range(len(data)):
        try:
            assert len(decode_report(data[:end], syntax)[1]) < len(REFERENCES)
        except ReferencesRefused:
            pass
