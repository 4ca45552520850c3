"""Which way a modality hears of its commitment request: over its association, at its address, or when it is back."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, StorageCommitmentPushModel

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import free_port
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site
from tests.delivery.requestor import Requestor
from tests.e2e.conftest import Start
from tests.hunting import hunt

pytestmark = pytest.mark.slow
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
UIDS = "1.2.826.0.1.7700"


@dataclass
class Modality:
    """CT1 at one association: stores, asks, and takes reports while it is open."""

    site: Site
    box: Box
    directory: Path
    answers: list[int] = field(default_factory=list)
    """Statuses of its answers to reports, one after another; then 0x0000. -1: it aborts instead."""
    reports: list[tuple[str, int]] = field(default_factory=list)
    """Transaction UID and event type of each."""
    number: int = 0
    sockets: list[ssl.SSLSocket] = field(default_factory=list)
    """pynetdicom leaves those of associations that were cut off to the garbage collector."""

    def open(self, title: str = "CT1") -> Any:
        ae = AE(title)
        ae.add_requested_context(CTImageStorage)
        ae.add_requested_context(StorageCommitmentPushModel)
        context = ssl.create_default_context(cafile=self.site.ct.ca)
        context.load_cert_chain(self.site.ct.certificate, self.site.ct.key)
        association = ae.associate(
            "127.0.0.1",
            self.site.port,
            ae_title="PACS",
            tls_args=(context, "edge01.demo.example"),
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take)],
        )
        assert association.is_established
        self.sockets.append(association.dul.socket.socket)
        return association

    def _take(self, event: Any) -> tuple[int, None]:
        self.reports.append((str(event.event_information.TransactionUID), event.event_type))
        answer = self.answers.pop(0) if self.answers else 0
        if answer < 0:
            event.assoc.abort()
        return max(answer, 0), None

    def store(self, association: Any, count: int = 2) -> list[tuple[str, str]]:
        self.number += 1
        references = []
        for image in ct_series(self.directory / f"ct{self.number}", count):
            read = dcmread(image.path)
            assert association.send_c_store(read).Status == 0
            references.append((str(read.SOPClassUID), str(read.SOPInstanceUID)))
        return references

    def ask(self, association: Any, references: list[tuple[str, str]], transaction: str) -> None:
        said = Dataset()
        said.TransactionUID = transaction
        said.ReferencedSOPSequence = []
        for sop_class, instance in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
            said.ReferencedSOPSequence.append(item)
        status, _ = association.send_n_action(said, 1, StorageCommitmentPushModel, WELL_KNOWN)
        assert status.Status == 0

    def log(self) -> str:
        return self.site.log.read_text()

    def wait(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        assert self.box.wait(lambda: bool(condition()), seconds, 0.05), self.log()[-4000:]

    def settled(self) -> None:
        """Nothing is owed any more, and no UID was said anywhere."""
        self.wait(lambda: self.box.said("forward").get("commitments") == {"asked": 0, "decided": 0})
        assert hunt({"UID": UIDS.encode()}, self.site.state, self.site.log) > 1


@pytest.fixture
def listener() -> Iterator[Requestor]:
    made = Requestor(port=free_port())
    yield made
    made.stop()


@pytest.fixture
def modality(start: Start, tmp_path: Path, listener: Requestor) -> Iterator[Callable[..., Modality]]:
    made: list[Modality] = []

    def begin(address: bool) -> Modality:
        def edit(text: str) -> str:
            entry = 'certificate = "san:ct1.demo.example"\nservices = ["echo", "store", "commit"]\n'
            if address:
                entry += (
                    f'commitment = {{ address = "127.0.0.1:{listener.port}", ae_title = "CT_COMMIT", tls = "never" }}\n'
                )
            return text.replace('certificate = "san:ct1.demo.example"', entry, 1).replace(
                'ae_titles   = ["CT1"]', 'ae_titles   = ["CT1", "CT2"]'
            )

        site, box, _ = start(edit)
        assert '"CT2"' in site.config.read_text()
        made.append(Modality(site, box, tmp_path))
        return made[0]

    yield begin
    for connection in made[0].sockets:
        connection.close()


def test_over_the_association_that_is_kept_open_and_goes_on_storing(
    modality: Callable[..., Modality], listener: Requestor
) -> None:
    listener.start()
    ct = modality(address=True)
    association = ct.open()
    references = ct.store(association)
    for number in (1, 2):
        ct.ask(association, references, f"{UIDS}{number}")
        ct.wait(lambda number=number: len(ct.reports) == number)
        references += ct.store(association)
    association.release()
    assert ct.reports == [(f"{UIDS}1", 1), (f"{UIDS}2", 1)]
    assert listener.reports == []
    ct.settled()
    ct.wait(lambda: ct.log().count("over the association that asked") == 2)


def test_at_its_address_when_it_released_at_once(modality: Callable[..., Modality], listener: Requestor) -> None:
    listener.start()
    ct = modality(address=True)
    association = ct.open()
    ct.ask(association, ct.store(association), f"{UIDS}1")
    association.release()
    ct.wait(lambda: listener.reports)
    assert ct.reports == []
    ct.settled()
    ct.wait(lambda: "at its address" in ct.log())


@pytest.mark.parametrize("answer", [0x0110, -1], ids=["failure", "abort"])
def test_at_its_address_when_its_association_does_not_take_it(
    modality: Callable[..., Modality], listener: Requestor, answer: int
) -> None:
    listener.start()
    ct = modality(address=True)
    ct.answers = [answer]
    association = ct.open()
    ct.ask(association, ct.store(association), f"{UIDS}1")
    ct.wait(lambda: listener.reports)
    assert [each.transaction for each in listener.reports] == [each for each, _ in ct.reports] == [f"{UIDS}1"]
    ct.settled()
    again = ct.open()
    ct.ask(again, ct.store(again), f"{UIDS}2")
    ct.wait(lambda: len(listener.reports) == 2)
    assert len(ct.reports) == 1, "it is not asked to take another one there"
    again.release()
    ct.settled()


def test_when_it_comes_back_and_to_nobody_else(modality: Callable[..., Modality]) -> None:
    ct = modality(address=False)
    association = ct.open()
    references = ct.store(association)
    ct.ask(association, references, f"{UIDS}1")
    association.release()
    ct.wait(lambda: "COMMITMENT-KEPT" in ct.log())
    for pid in ct.box.pids("forward"):
        os.kill(pid, signal.SIGKILL)
    other = ct.open("CT2")
    time.sleep(2)  # longer than it takes below
    assert ct.reports == []
    association = ct.open()
    ct.wait(lambda: ct.reports)
    assert ct.reports == [(f"{UIDS}1", 1)]
    ct.settled()
    ct.ask(association, references, f"{UIDS}2")  # it stays, and has learnt nothing bad of us
    ct.wait(lambda: len(ct.reports) == 2)
    ct.settled()
    association.release()
    other.release()
    ct.wait(lambda: "over a later association of its own" in ct.log())


def test_a_failure_is_tried_again_over_the_same_association(modality: Callable[..., Modality]) -> None:
    ct = modality(address=False)
    ct.answers = [0x0110, 0x0213]
    association = ct.open()
    ct.ask(association, ct.store(association), f"{UIDS}1")
    ct.wait(lambda: len(ct.reports) == 3)
    ct.settled()
    association.release()
    assert ct.reports == [(f"{UIDS}1", 1)] * 3


def test_it_aborts_in_the_middle_and_comes_back(modality: Callable[..., Modality]) -> None:
    ct = modality(address=False)
    ct.answers = [-1]
    association = ct.open()
    ct.ask(association, ct.store(association), f"{UIDS}1")
    ct.wait(lambda: ct.reports)
    association = ct.open()
    ct.wait(lambda: len(ct.reports) == 2)
    ct.settled()
    association.release()


def test_forward_is_killed_between_decision_and_report(modality: Callable[..., Modality]) -> None:
    ct = modality(address=False)
    association = ct.open()
    references = ct.store(association)
    workers = ct.box.pids("receive")[1:]
    ct.ask(association, references, f"{UIDS}1")
    try:
        for pid in workers:  # within the moment that the association rests first
            os.kill(pid, signal.SIGSTOP)
        ct.wait(lambda: "COMMITMENT-DECIDED" in ct.log())
        (forward,) = ct.box.pids("forward")
        os.kill(forward, signal.SIGKILL)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    assert ct.reports == []
    ct.wait(lambda: ct.reports)
    ct.settled()
    association.release()
    assert ct.reports == [(f"{UIDS}1", 1)]


def test_a_worker_is_killed_while_a_report_is_out(modality: Callable[..., Modality], listener: Requestor) -> None:
    listener.start()
    ct = modality(address=True)
    association = ct.open()
    references = ct.store(association)
    workers = ct.box.pids("receive")[1:]
    ct.ask(association, references, f"{UIDS}1")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    ct.wait(lambda: "COMMITMENT-DECIDED" in ct.log())
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    ct.wait(lambda: listener.reports)
    assert ct.reports == []
    ct.settled()
