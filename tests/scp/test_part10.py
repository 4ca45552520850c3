"""What we write is a Part 10 file by pydicom's reading."""

import io

import pydicom
import pytest

from appliance.base import implementation
from appliance.scp.part10 import file_head

ARGUMENTS = {
    "sop_class": "1.2.840.10008.5.1.4.1.1.2",
    "sop_instance": "1.2.3.4.5",
    "transfer_syntax": "1.2.840.10008.1.2.1",
    "calling_ae": "CT1",
    "called_ae": "PACS",
    "own_ae": "EDGE01",
}


@pytest.mark.parametrize("length", range(5, 64, 7))
def test_pydicom_reads_what_was_said(length: int) -> None:
    uid = ("1.2." + "3" * 64)[:length]
    head = file_head(**{**ARGUMENTS, "sop_instance": uid})
    data_set = b"\x08\x00\x60\x00CS\x02\x00CT"
    dataset = pydicom.dcmread(io.BytesIO(head + data_set))
    meta = dataset.file_meta
    assert dataset.Modality == "CT"
    assert head[:132] == bytes(128) + b"DICM"
    assert meta.MediaStorageSOPInstanceUID == uid
    assert meta.MediaStorageSOPClassUID == ARGUMENTS["sop_class"]
    assert meta.TransferSyntaxUID == ARGUMENTS["transfer_syntax"]
    assert meta.ImplementationClassUID == implementation.CLASS_UID
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert (meta.SourceApplicationEntityTitle, meta.SendingApplicationEntityTitle) == ("EDGE01", "CT1")
    assert meta.ReceivingApplicationEntityTitle == "PACS"
    assert len(head) == 144 + meta.FileMetaInformationGroupLength
