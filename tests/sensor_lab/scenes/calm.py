"""Peers that behave, as busy as a lab can have them: nothing above "info" is heard."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pydicom

from tests.sensor_lab.scene import calm
from tests.sensor_lab.scenes.borders import running_orthanc
from tests.sensor_lab.scenes.content import CT_FILE, FILES, JPEG_FILE, MR_FILE
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import as_pynetdicom, dcmtk, pynetdicom_scp, tls

SENT = (CT_FILE, MR_FILE)


_ONE_WAS_REFUSED = 192  # what storescu ends with; dcmqrscp says 0xC000 now and then where many bring the same instance


def _well(done: subprocess.CompletedProcess[str], also: int = 0) -> None:
    assert done.returncode in (0, also), f"{done.args[:9]} ended with {done.returncode}: {done.stdout}{done.stderr}"


@calm("storescu, echoscu")
def dcmtk_stores(lab: Lab) -> None:
    """storescu in many encodings and PDU sizes, with and without pipelining segments, and over TLS."""
    for options in (("-xi",), ("-xb",), ("-R",), ("-pdu", "4096"), ("-pdu", "131072"), ("--max-send-pdu", "4096")):
        _well(dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, 104, *options, files=SENT * 5))
    _well(dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, 104, "-xy", files=(JPEG_FILE,)))
    _well(dcmtk(lab.mr, "storescu", "MR1", "EDGE01", lab.edge, 2762, *tls(lab, "mr"), files=SENT * 5))
    for _ in range(5):
        _well(dcmtk(lab.ct, "echoscu", "CT1", "EDGE01", lab.edge, 104, "--repeat", "5"))


@calm("storescu, findscu, movescu, getscu")
def dcmtk_reads(lab: Lab) -> None:
    """A study is stored in the archive, found, moved to the reading room, and fetched."""
    study = str(pydicom.dcmread(CT_FILE, stop_before_pixels=True).StudyInstanceUID)
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}")
    room = lab.room("reader")
    lab.viewer.serve(11113, "storescp", "-aet", "READ1", "-od", str(room), "11113")
    _well(dcmtk(lab.ct, "storescu", "CT1", "ARCH", lab.pacs, files=(CT_FILE,)))
    _well(dcmtk(lab.viewer, "findscu", "READ1", "ARCH", lab.pacs, 104, "-S", *keys))
    _well(dcmtk(lab.viewer, "movescu", "READ1", "ARCH", lab.pacs, 104, "-S", "-aem", "READ1", *keys))
    assert len(list(room.iterdir())) == 1
    _well(dcmtk(lab.viewer, "getscu", "READ1", "ARCH", lab.pacs, 104, "-S", "-od", str(lab.room("got")), *keys))


@calm("Orthanc")
def orthanc_takes_and_sends(lab: Lab) -> None:
    """Orthanc is stored into, searches the archive, and sends to the reading room."""
    modalities = {
        "reader": {"AET": "READ1", "Host": lab.viewer.address, "Port": 11113},
        "archive": {"AET": "ARCH", "Host": lab.pacs.address, "Port": 104},
    }
    lab.viewer.serve(11113, "storescp", "-aet", "READ1", "-od", str(lab.room("reader")), "11113")
    settings = {"RemoteAccessAllowed": False, "HttpPort": 8042, "DicomModalities": modalities}

    def rest(path: str, body: str = "") -> str:
        done = lab.pacs.run("curl", "-sf", f"http://127.0.0.1:8042{path}", *(("-d", body) if body else ()), check=True)
        return done.stdout

    with running_orthanc(lab, lab.pacs, "ORTHANC", **settings):
        _well(dcmtk(lab.ct, "storescu", "CT1", "ORTHANC", lab.pacs, 4242, files=SENT))
        stored = json.loads(rest("/instances"))
        assert len(stored) == 2
        rest("/modalities/reader/echo", "{}")
        rest("/modalities/reader/store", json.dumps(stored))


@calm("pynetdicom")
def pynetdicom_works(lab: Lab) -> None:
    """pynetdicom stores, over one association, over several, and with the asynchronous window proposed."""
    from pynetdicom import AE  # type: ignore[attr-defined]
    from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation

    sent = [pydicom.dcmread(FILES / name) for name in ("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm")]

    def act() -> None:
        ae = AE(ae_title="CT1")
        for each in sent:
            ae.add_requested_context(each.SOPClassUID, each.file_meta.TransferSyntaxUID)
        window = AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 5
        for extended in ((), (window,)):
            association = ae.associate(lab.edge.address, 104, ae_title="EDGE01", ext_neg=list(extended))
            assert association.is_established
            for each in sent:
                assert association.send_c_store(each).Status == 0
            association.release()

    as_pynetdicom(lab.ct, act)


@calm("pynetdicom")
def pynetdicom_reports(lab: Lab) -> None:
    """pynetdicom reports a procedure step to the archive, and asks the appliance for storage commitment."""
    from pynetdicom import AE  # type: ignore[attr-defined]
    from pynetdicom.sop_class import ModalityPerformedProcedureStep, StorageCommitmentPushModel  # type: ignore[attr-defined]

    step, asked = pydicom.Dataset(), pydicom.Dataset()
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    asked.TransactionUID = pydicom.uid.generate_uid()
    one = pydicom.Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", pydicom.uid.generate_uid()
    asked.ReferencedSOPSequence = [one]

    def act() -> None:
        ae = AE(ae_title="CT1")
        ae.add_requested_context(ModalityPerformedProcedureStep)
        ae.add_requested_context(StorageCommitmentPushModel)
        archive = ae.associate(lab.pacs.address, 2763, ae_title="ARCH")
        uid = pydicom.uid.generate_uid()
        assert archive.send_n_create(step, ModalityPerformedProcedureStep, uid)[0].Status == 0
        step.PerformedProcedureStepStatus = "COMPLETED"
        assert archive.send_n_set(step, ModalityPerformedProcedureStep, uid)[0].Status == 0
        archive.release()
        edge = ae.associate(lab.edge.address, 104, ae_title="EDGE01")
        well_known = "1.2.840.10008.1.20.1.1"
        assert edge.send_n_action(asked, 1, StorageCommitmentPushModel, well_known)[0].Status == 0
        edge.release()

    with pynetdicom_scp(lab.pacs, 2763, 0, "ARCH"):
        as_pynetdicom(lab.ct, act)


@calm("storescu")
def gateway_fans_out(lab: Lab) -> None:
    """The appliance stores into the archive and the reading room, eight associations at a time, and receives."""
    lab.viewer.serve(11113, "storescp", "--fork", "-aet", "READ1", "-od", str(lab.room("reader")), "11113")

    def deliver(number: int) -> None:
        if number % 3 == 0:
            _well(dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, files=SENT * 4))
        else:
            called, to, port = ("ARCH", lab.pacs, 104) if number % 3 == 1 else ("READ1", lab.viewer, 11113)
            _well(dcmtk(lab.edge, "storescu", "EDGE01", called, to, port, files=SENT * 4), _ONE_WAS_REFUSED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(24)))
