"""What a device asks for: D06, D07, D08, D33."""

from __future__ import annotations

import contextlib
import struct

import pydicom

from tests.inspection import wire
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.scenes.content import CT_FILE, MR_FILE, instance
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Line, dcmtk, find, pynetdicom_scp

FIND, MOVE = b"1.2.840.10008.5.1.4.1.2.2.1", b"1.2.840.10008.5.1.4.1.2.2.2"
PRIORITY = struct.pack("<HHIH", 0, 0x0700, 2, 0)
STUDY = struct.pack("<HHI", 8, 0x52, 6) + b"STUDY " + struct.pack("<HHI", 32, 13, 8) + b"1.2.3.4\0"


@shows("D06", "findscu", evidence="C-FIND-RQ")
def dose_station_searches(lab: Lab) -> None:
    """The dose station, which may only store, searches the archive."""
    find(lab, "DOSE1", "PatientID=LAB-7Q")


@shows("D06", "getscu", evidence="C-GET-RQ")
def dose_station_fetches(lab: Lab) -> None:
    """The dose station fetches a study."""
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.826.0.1.3680043.4711")
    dcmtk(lab.viewer, "getscu", "DOSE1", "ARCH", lab.pacs, 104, "-S", "-od", str(lab.room("fetched")), *keys)


@shows("D06", "forged PDUs", evidence="proposes find, move")
def dose_station_might_search(lab: Lab) -> None:
    """The dose station, which may only store, proposes to search and to move, and asks for nothing."""
    Line(lab.viewer, lab.pacs).ask(calling=b"DOSE1", called=b"ARCH", contexts=((1, FIND), (3, MOVE))).release()


@quiet("D06", "forged PDUs")
def reader_might_search(lab: Lab) -> None:
    """The reading room proposes to search and to move, and asks for nothing."""
    Line(lab.viewer, lab.pacs).ask(calling=b"READ1", called=b"ARCH", contexts=((1, FIND), (3, MOVE))).release()


@quiet("D06", "findscu")
def reader_searches(lab: Lab) -> None:
    """The reading room searches the archive for one patient."""
    find(lab, "READ1", "PatientID=LAB-7Q")


def _move(lab: Lab, to: str, study: str = "1.2.826.0.1.3680043.4711") -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}")
    dcmtk(lab.viewer, "movescu", "READ1", "ARCH", lab.pacs, 104, "-S", "-aem", to, *keys)


@shows("D07", "movescu", evidence='"THIEF"')
def move_to_a_stranger(lab: Lab) -> None:
    """The reading room has a study moved to an AE title that nobody knows."""
    _move(lab, "THIEF")


@shows("D07", "movescu", evidence="5 C-MOVE requests named a destination")
def moves_to_nowhere(lab: Lab) -> None:
    """The reading room names a destination five times that the archive does not know."""
    assert dcmtk(lab.ct, "storescu", "CT1", "ARCH", lab.pacs, files=(CT_FILE,)).returncode == 0
    study = str(pydicom.dcmread(CT_FILE, stop_before_pixels=True).StudyInstanceUID)
    for _ in range(5):
        _move(lab, "DOSE1", study)


@quiet("D07", "movescu")
def move_to_the_reader(lab: Lab) -> None:
    """The reading room has a study moved to itself."""
    _move(lab, "READ1")


def _order(to: bytes) -> bytes:
    """A C-MOVE-RQ."""
    return wire.command(0x21, True, MOVE, between=struct.pack("<HHI", 0, 0x0600, 6) + to + PRIORITY)


def _move_behind_data(lab: Lab, to: bytes) -> None:
    contexts = ((1, wire.CT_STORAGE), (3, MOVE))
    line = Line(lab.viewer, lab.pacs).ask(calling=b"READ1", called=b"ARCH", contexts=contexts)
    uid = struct.pack("<HHI", 0, 0x1000, 8) + b"1.2.3.4\0"
    store = wire.command(1, True, between=PRIORITY, more=uid)
    uids = [(8, 0x16, wire.CT_STORAGE + b"\0")] + [(*tag, b"1.2.3.4\0") for tag in ((8, 0x18), (32, 13), (32, 14))]
    data = b"".join(struct.pack("<HHI", *tag, len(value)) + value for *tag, value in uids)
    data += struct.pack("<HHI", 0x7FE0, 0x10, 4000) + bytes(4000)
    line.say(wire.p_data(wire.pdv(1, 3, store)))
    line.say(wire.p_data(wire.pdv(1, 0, data[:1000]), wire.pdv(1, 0, data[1000:3000])))
    line.say(wire.p_data(wire.pdv(1, 2, data[3000:]), wire.pdv(3, 3, _order(to))))
    line.say(wire.p_data(wire.pdv(3, 2, STUDY)))
    assert line.command() == 0x8001  # what this archive makes of the rest is its own affair
    line.close()


@shows("D07", "forged PDUs", evidence='"THIEF"')
def move_in_pieces(lab: Lab) -> None:
    """The order to move a study to a stranger comes in pieces of 20 bytes, two in one P-DATA-TF."""
    line = Line(lab.viewer, lab.pacs).ask(calling=b"READ1", called=b"ARCH", contexts=((1, MOVE),))
    order = _order(b"THIEF ")
    pieces = [order[at : at + 20] for at in range(0, len(order), 20)]
    pdvs = [wire.pdv(1, 3 if piece is pieces[-1] else 1, piece) for piece in pieces]
    for at in range(0, len(pdvs), 2):
        line.say(wire.p_data(*pdvs[at : at + 2]))
    line.say(wire.p_data(wire.pdv(1, 2, STUDY)))
    assert line.command() == 0x8021
    line.release()


@shows("D07", "forged PDUs", evidence='"THIEF"')
def move_behind_data(lab: Lab) -> None:
    """The order to move a study to a stranger stands behind image data, in one P-DATA-TF."""
    _move_behind_data(lab, b"THIEF ")


@quiet("D07", "forged PDUs")
def move_to_the_reader_behind_data(lab: Lab) -> None:
    """The order to move a study to the reader stands there."""
    _move_behind_data(lab, b"READ1 ")


@shows("D08", "findscu", evidence="everything matches")
def search_for_everything(lab: Lab) -> None:
    """The reading room asks for all patients."""
    find(lab, "READ1", "PatientName")


def _search_again_and_again(lab: Lab, times: int) -> None:
    line = Line(lab.viewer, lab.pacs).ask(calling=b"READ1", called=b"ARCH", contexts=((1, FIND),))
    query = wire.p_data(wire.pdv(1, 3, wire.command(0x20, True, FIND, between=PRIORITY)))
    with contextlib.closing(line):
        for _ in range(times):
            line.say(query + wire.p_data(wire.pdv(1, 2, STUDY)))
            assert line.command() == 0x8020
        line.release()


@shows("D08", "forged PDUs", evidence="120 queries")
def very_many_searches(lab: Lab) -> None:
    """The reading room searches for one study 130 times within a minute."""
    _search_again_and_again(lab, 130)


@quiet("D08", "forged PDUs")
def many_searches(lab: Lab) -> None:
    """It does so 110 times."""
    _search_again_and_again(lab, 110)


def _find_many(lab: Lab, matches: int) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyDate=20260101", "-k", "StudyInstanceUID")
    with pynetdicom_scp(lab.viewer, 11113, 0, "READ1", matches=matches):
        assert dcmtk(lab.ct, "findscu", "CT1", "READ1", lab.viewer, 11113, "-S", *keys).returncode == 0


@shows("D08", "pynetdicom, findscu", evidence="1000 matches to one query")
def very_many_matches(lab: Lab) -> None:
    """The studies of a day are 1,100."""
    _find_many(lab, 1100)


@quiet("D08", "pynetdicom, findscu")
def many_matches(lab: Lab) -> None:
    """They are 900."""
    _find_many(lab, 900)


@quiet("D08", "findscu")
def search_for_a_day(lab: Lab) -> None:
    """It asks for the CT studies of a day."""
    find(lab, "READ1", "PatientName", "ModalitiesInStudy=CT", "StudyDate=20260101")


@quiet("D08", "findscu")
def search_for_one(lab: Lab) -> None:
    """The reading room asks for one patient."""
    find(lab, "READ1", "PatientName", "PatientID=LAB-7Q")


@shows("D33", "storescu")
def ct_stores_mr(lab: Lab) -> None:
    """A CT that stores CT images alone stores an MR image in the archive."""
    dcmtk(lab.ct, "storescu", "CT2", "ARCH", lab.pacs, files=(MR_FILE,))


CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@shows("D33", "storescu", evidence="says that its modality is MR")
def ct_image_of_another_modality(lab: Lab) -> None:
    """A CT stores an object of the class of CT images, which says that an MR made it."""
    made = instance(lab.room("modality") / "object.dcm", CT_IMAGE, Modality="MR")
    assert dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, files=(made,)).returncode == 0


@quiet("D33", "storescu")
def ct_image_of_its_modality(lab: Lab) -> None:
    """One that says that a CT made it."""
    made = instance(lab.room("modality") / "object.dcm", CT_IMAGE, Modality="CT")
    assert dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, files=(made,)).returncode == 0


@quiet("D33", "storescu")
def ct_stores_ct(lab: Lab) -> None:
    """It stores a CT image."""
    assert dcmtk(lab.ct, "storescu", "CT2", "ARCH", lab.pacs, files=(CT_FILE,)).returncode == 0
