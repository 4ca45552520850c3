from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import write_file_meta_info

from appliance.delivery.file_meta import NotPart10, parse_file_meta


def part10_head() -> bytes:
    """Preamble, prefix and File Meta Information as pydicom writes them."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    meta.ImplementationClassUID = "1.2.3"
    meta.SendingApplicationEntityTitle = "CT1"
    buffer = io.BytesIO()
    write_file_meta_info(buffer, meta)
    return bytes(128) + b"DICM" + buffer.getvalue()


HEAD = part10_head()


@pytest.mark.parametrize(
    "behind",
    [
        b"",
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",
        # A deflated data set may begin with any bytes, those of group 0002 too.
        b"\x02\x00\x99\x00UI\x02\x001\x00",
        b"\xff" * 100,
    ],
)
def test_the_uids_and_the_start_of_the_data_set_are_found(behind: bytes) -> None:
    for whole in (HEAD + behind, memoryview(HEAD + behind)):
        meta = parse_file_meta(whole)
        assert meta.sop_class == "1.2.840.10008.5.1.4.1.1.2"
        assert meta.sop_instance == "1.2.3.4.5"
        assert meta.transfer_syntax == "1.2.840.10008.1.2.4.90"
        assert meta.data_set_offset == len(HEAD)


def test_cut_off_anywhere_it_is_refused() -> None:
    for length in range(len(HEAD)):
        with pytest.raises(NotPart10):
            parse_file_meta(HEAD[:length])


@given(st.binary(max_size=64), st.integers(0, len(HEAD)))
def test_junk_is_read_or_refused_and_nothing_else(junk: bytes, at: int) -> None:
    try:
        parse_file_meta(HEAD[:at] + junk + HEAD[at + len(junk) :])
    except NotPart10:
        pass
