"""What stands in objects, and objects that stand elsewhere: D28 to D31."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.data import data_manager
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.inspection import wire
from tests.sensor_lab.ground import within
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Line, dcmtk

FILES = Path(data_manager.__file__).parent / "test_files"
CT_FILE, MR_FILE = str(FILES / "CT_small.dcm"), str(FILES / "MR_small.dcm")
JPEG_FILE = str(FILES / "SC_rgb_jpeg_dcmtk.dcm")
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + bytes(100)
GIF = b"GIF89a" + bytes(200)


def instance(path: Path, sop_class: str = "1.2.840.10008.5.1.4.1.1.7", **values: object) -> str:
    """A small object, as a Part 10 file. `private` is the value of a private element."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = sop_class
    made.SOPClassUID, made.SOPInstanceUID = sop_class, pydicom.uid.generate_uid()
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.Modality, made.PatientName, made.PatientID = "OT", "Lab^Made", "LAB-1"
    made.StudyInstanceUID, made.SeriesInstanceUID = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    if (private := values.pop("private", None)) is not None:
        made.private_block(0x0009, "LAB", create=True).add_new(0x10, "OB", private)
    for key, value in values.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return str(path)


def _store(lab: Lab, path: str) -> None:
    assert dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, files=(path,)).returncode == 0


@shows("D28", "storescu", evidence="a Windows program")
def program_inside(lab: Lab) -> None:
    """storescu sends an object with a Windows program in a private element."""
    _store(lab, instance(lab.room("program") / "object.dcm", private=PROGRAM))


@shows("D28", "storescu", evidence="a script")
def script_inside(lab: Lab) -> None:
    """storescu sends an object with a short script in a private element."""
    _store(lab, instance(lab.room("program") / "object.dcm", private=b"#!/bin/sh\nid\n"))


@quiet("D28", "storescu")
def numbers_inside(lab: Lab) -> None:
    """storescu sends an object with numbers in a private element."""
    _store(lab, instance(lab.room("program") / "object.dcm", private=bytes(range(256))))


@contextlib.contextmanager
def _sink(lab: Lab) -> Iterator[None]:
    """A server that takes anything, at port 8080 of the viewer."""
    server = within(lab.viewer.namespace, lambda: socket.create_server((lab.viewer.address, 8080)))
    yield
    taken, _ = server.accept()
    taken.settimeout(5)
    while taken.recv(65536):
        pass
    taken.close()
    server.close()


@shows("D29", "bash", evidence="a DICOM file")
def file_over_tcp(lab: Lab) -> None:
    """A DICOM file goes over a plain TCP connection."""
    with _sink(lab):
        lab.ct.run("bash", "-c", f"cat {CT_FILE} >/dev/tcp/{lab.viewer.address}/8080", check=True)


@quiet("D29", "bash")
def text_over_tcp(lab: Lab) -> None:
    """A text goes over a plain TCP connection."""
    with _sink(lab):
        lab.ct.run("bash", "-c", f"cat {__file__} >/dev/tcp/{lab.viewer.address}/8080", check=True)


@shows("D30", "storescu")
def no_pdf(lab: Lab) -> None:
    """storescu sends an encapsulated PDF that is a GIF."""
    path = lab.room("document") / "document.dcm"
    _store(lab, instance(path, "1.2.840.10008.5.1.4.1.1.104.1", EncapsulatedDocument=GIF))


@quiet("D30", "pdf2dcm, storescu")
def a_pdf(lab: Lab) -> None:
    """storescu sends a PDF that pdf2dcm has wrapped."""
    room = lab.room("document")
    (room / "a.pdf").write_bytes(
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
    )
    lab.ct.run("pdf2dcm", str(room / "a.pdf"), str(room / "a.dcm"), check=True)
    _store(lab, str(room / "a.dcm"))


def _store_under(lab: Lab, uid: bytes) -> None:
    name = uid + bytes(len(uid) % 2)
    more = struct.pack("<HHI", 0, 0x1000, len(name)) + name
    line = Line(lab.ct, lab.edge).ask(calling=b"CT1")
    line.say(wire.p_data(wire.pdv(1, 3, wire.command(1, data_set=True, more=more))))
    line.say(wire.p_data(wire.pdv(1, 2, struct.pack("<HHI", 8, 0x60, 2) + b"CT"))).hear()
    line.release()


@shows("D31", "forged PDUs", evidence="C-STORE-RQ")
def path_as_uid(lab: Lab) -> None:
    """A SOP Instance UID that is a path."""
    _store_under(lab, b"../../etc/cron.d/x")


@shows("D31", "storescu", evidence="in a UID of a data set")
def path_as_uid_of_a_series(lab: Lab) -> None:
    """A Series Instance UID that is a path, inside of the object."""
    with pydicom.config.disable_value_validation():
        _store(lab, instance(lab.room("path") / "object.dcm", SeriesInstanceUID="../../etc/cron.d/x"))


@quiet("D31", "forged PDUs")
def uid_as_uid(lab: Lab) -> None:
    """A SOP Instance UID that is one."""
    _store_under(lab, b"1.2.3.4.5")
