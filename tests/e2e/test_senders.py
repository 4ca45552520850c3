"""Whose software may send, in whatever transfer syntax, over TLS and in cleartext: what it sends is what is kept, and
what is delivered, bit for bit.

Each sender sends each sample twice, to a storescp and to the appliance. What arrived must be the same: some senders
encode anew what they were given, so the file on the disk is the measure for pynetdicom alone, which does not.
All cases share one appliance, whose objects are opened with its identity.
"""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest

from appliance.base.errors import DiskError
from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality, Upstream, data_set, free_port
from appliance.cli.demo.site import Party, Site
from appliance.seal.opening import Opening, open_object
from appliance.vault.layout import StateLayout
from appliance.vault.objects import Objects
from tests import orthanc
from tests.e2e.conftest import starting
from tests.e2e.data_sets import ENCODINGS, Sample, sample
from tests.e2e.senders import CASES, ECHOES, TRANSPORTS, Echo, Peers, Sender, Target, associate, pynetdicom

Arrived = dict[str, tuple[str, bytes]]  # by SOP Instance UID: transfer syntax and data set


@dataclass
class Hospital:
    """The appliance, its upstream, two storescp to compare with, and perhaps an Orthanc."""

    directory: Path
    site: Site
    box: Box
    upstream: Upstream
    direct: dict[str, Upstream]
    targets: dict[tuple[str, str], Target]
    peers: Peers
    dice: random.Random = field(default_factory=lambda: random.Random(104))
    seen: set[str] = field(default_factory=set)
    sent: Arrived = field(default_factory=dict)

    def sample(self, encoding: str) -> Sample:
        return sample(encoding, self.directory, self.dice)

    def kept(self) -> Arrived:
        """What the vault holds that it did not hold the last time."""
        state = self.site.state
        arrived: Arrived = {}
        waiting = set(Objects(StateLayout(state)).waiting())
        stored = {path.name.removesuffix(".dcm.age") for path in state.glob("objects/*/*.dcm.age")}
        for object_id in waiting | stored:
            if object_id not in self.seen:
                self.seen.add(object_id)
                part10 = self.open(object_id)
                uid = str(pydicom.dcmread(io.BytesIO(part10), stop_before_pixels=True).SOPInstanceUID)
                arrived[uid] = (syntax_of(part10), data_set(part10))
        self.sent |= arrived
        return arrived

    def open(self, object_id: str) -> bytes:
        """A sealed object as a Part 10 file. It may be adopted while we look: then it is found where it is next."""
        layout = StateLayout(self.site.state)
        for path in (layout.incoming_file(object_id), layout.object_file(object_id)):
            if (part10 := self._opened(path)) is not None:
                return part10
        segments = Objects(layout).segments
        segments.look(path.name for path in layout.incoming.iterdir())
        try:
            return b"".join(map(bytes, Opening(io.BytesIO(segments.read(object_id)), [self.site.box])))
        except DiskError:
            part10 = self._opened(layout.object_file(object_id))
            assert part10 is not None
            return part10

    def _opened(self, path: Path) -> bytes | None:
        out = io.BytesIO()
        with contextlib.suppress(DiskError):
            open_object(path, [self.site.box], out)
            return out.getvalue()
        return None


def syntax_of(part10: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(part10), specific_tags=[]).file_meta.TransferSyntaxUID)


def at(storescp: Upstream, instance: str) -> tuple[str, bytes]:
    """What a storescp holds of an instance: transfer syntax and data set."""
    (path,) = storescp.directory.glob(f"*.{instance}")
    part10 = path.read_bytes()
    return syntax_of(part10), data_set(part10)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    directory = tmp_path_factory.mktemp("senders")
    plain = free_port()
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(starting(directory))
        site, box, upstream = start(both_ways(plain))
        direct = {}
        for transport in TRANSPORTS:
            # A client may check the server's name, so this storescp has the appliance's.
            server = Party(site.root / "tls/appliance.key", site.root / "tls/appliance.crt", site.ct.ca)
            direct[transport] = Upstream(directory / transport, free_port(), server if transport == "tls" else None)
            stack.callback(direct[transport].stop)
            direct[transport].start()
        targets = {}
        for transport in TRANSPORTS:
            party = site.ct if transport == "tls" else None
            port = site.port if transport == "tls" else plain
            targets[transport, "appliance"] = Target(f"appliance-{transport}", port, "PACS", party)
            targets[transport, "direct"] = Target(f"direct-{transport}", direct[transport].port, "PACS", party)
        found = orthanc.find()
        peer = stack.enter_context(running_orthanc(found, directory, site, list(targets.values()))) if found else None
        yield Hospital(directory, site, box, upstream, direct, targets, Peers(peer))


def both_ways(plain: int) -> Callable[[str], str]:
    """Lets the CT come over TLS and in cleartext. The upstream's syntaxes are told: what is learned of it depends on
    which cases ran before."""
    syntaxes = sorted({syntax for syntax, *_ in ENCODINGS.values()})
    return lambda text: (
        text.replace("called_ae_titles", f'listen_plain     = ["127.0.0.1:{plain}"]\ncalled_ae_titles')
        .replace('certificate = "san:ct1.demo.example"', 'tls         = "allowed"', 1)
        .replace("[[destination]]\n", f"[[destination]]\ntransfer_syntaxes = {syntaxes}\n", 1)
    )


def running_orthanc(
    found: orthanc.Orthanc, directory: Path, site: Site, targets: list[Target]
) -> contextlib.AbstractContextManager[orthanc.Running]:
    """An Orthanc that knows every target as a modality."""
    modalities = {
        each.name: {
            "AET": each.called_ae,
            "Host": "127.0.0.1",
            "Port": each.port,
            "UseDicomTls": each.party is not None,
        }
        for each in targets
    }
    return orthanc.running(
        found,
        directory / "orthanc",
        DicomAet="CT1",
        DicomModalities=modalities,
        DicomTlsCertificate=str(site.ct.certificate),
        DicomTlsPrivateKey=str(site.ct.key),
        DicomTlsTrustedCertificates=str(site.ct.ca),
    )


every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.mark.parametrize(("sender", "encoding", "transport"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_what_it_sends_is_kept_bit_for_bit(hospital: Hospital, sender: Sender, encoding: str, transport: str) -> None:
    sent = hospital.sample(encoding)
    sender(hospital.targets[transport, "direct"], sent, hospital.peers)
    sender(hospital.targets[transport, "appliance"], sent, hospital.peers)
    expected = at(hospital.direct[transport], sent.instance)
    assert hospital.kept() == {sent.instance: expected}
    if sender is pynetdicom:
        assert expected == (sent.transfer_syntax, sent.data_set)


@every_transport
def test_one_class_in_three_contexts_with_three_syntaxes(hospital: Hospital, transport: str) -> None:
    samples = [hospital.sample(encoding) for encoding in ("implicit", "explicit", "rle")]
    contexts = [(each.sop_class, [each.transfer_syntax]) for each in samples]
    association = associate(hospital.targets[transport, "appliance"], contexts)
    assert [each.transfer_syntax[0] for each in association.accepted_contexts] == [each[1][0] for each in contexts]
    assert [association.send_c_store(each.path).Status for each in samples] == [0, 0, 0]
    association.release()
    assert hospital.kept() == {each.instance: (each.transfer_syntax, each.data_set) for each in samples}


@every_transport
@pytest.mark.parametrize("echo", ECHOES, ids=lambda each: each.__name__)
def test_an_echo_is_answered(hospital: Hospital, echo: Echo, transport: str) -> None:
    echo(hospital.targets[transport, "appliance"], hospital.peers)


@every_transport
def test_an_unknown_ae_title_is_not_answered(hospital: Hospital, transport: str) -> None:
    target = hospital.targets[transport, "appliance"]
    assert "Calling AE Title Not Recognized" in Modality("ROGUE", target.party).echo(target.port, "EDGE01")


def test_all_that_was_sent_is_delivered_bit_for_bit(hospital: Hospital) -> None:
    for encoding in ENCODINGS:  # so that this one shows something when it runs alone
        pynetdicom(hospital.targets["tls", "appliance"], hospital.sample(encoding), hospital.peers)
    hospital.kept()
    assert hospital.box.wait(lambda: hospital.upstream.count() == len(hospital.sent), 60)
    assert hospital.box.wait(lambda: delivered(hospital.box) == len(hospital.sent), 20)
    assert {uid: at(hospital.upstream, uid) for uid in hospital.sent} == hospital.sent


def delivered(box: Box) -> int:
    return int(box.said("forward").get("destinations", {}).get("pacs", {}).get("delivered", 0))
