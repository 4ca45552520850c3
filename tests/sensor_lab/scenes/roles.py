"""What a device asks for: D06, D07, D08, D33."""

from __future__ import annotations

from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.scenes.content import CT_FILE, MR_FILE
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import dcmtk, find


@shows("D06", "findscu", evidence="C-FIND-RQ")
def dose_station_searches(lab: Lab) -> None:
    """The dose station, which may only store, searches the archive."""
    find(lab, "DOSE1", "PatientID=LAB-7Q")


@shows("D06", "getscu", evidence="C-GET-RQ")
def dose_station_fetches(lab: Lab) -> None:
    """The dose station fetches a study."""
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.826.0.1.3680043.4711")
    dcmtk(lab.viewer, "getscu", "DOSE1", "ARCH", lab.pacs, 104, "-S", "-od", str(lab.room("fetched")), *keys)


@quiet("D06", "findscu")
def reader_searches(lab: Lab) -> None:
    """The reading room searches the archive for one patient."""
    find(lab, "READ1", "PatientID=LAB-7Q")


def _move(lab: Lab, to: str) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.826.0.1.3680043.4711")
    dcmtk(lab.viewer, "movescu", "READ1", "ARCH", lab.pacs, 104, "-S", "-aem", to, *keys)


@shows("D07", "movescu", evidence='"THIEF"')
def move_to_a_stranger(lab: Lab) -> None:
    """The reading room has a study moved to an AE title that nobody knows."""
    _move(lab, "THIEF")


@quiet("D07", "movescu")
def move_to_the_reader(lab: Lab) -> None:
    """The reading room has a study moved to itself."""
    _move(lab, "READ1")


@shows("D08", "findscu", evidence="everything matches")
def search_for_everything(lab: Lab) -> None:
    """The reading room asks for all patients."""
    find(lab, "READ1", "PatientName")


@quiet("D08", "findscu")
def search_for_one(lab: Lab) -> None:
    """The reading room asks for one patient."""
    find(lab, "READ1", "PatientName", "PatientID=LAB-7Q")


@shows("D33", "storescu")
def ct_stores_mr(lab: Lab) -> None:
    """A CT that stores CT images alone stores an MR image in the archive."""
    dcmtk(lab.ct, "storescu", "CT2", "ARCH", lab.pacs, files=(MR_FILE,))


@quiet("D33", "storescu")
def ct_stores_ct(lab: Lab) -> None:
    """It stores a CT image."""
    assert dcmtk(lab.ct, "storescu", "CT2", "ARCH", lab.pacs, files=(CT_FILE,)).returncode == 0
