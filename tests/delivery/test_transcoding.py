"""Upstreams that take nothing compressed, with `on_unsupported = "transcode"`: what arrives, and what is held."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pynetdicom
import pytest
from pydicom.dataset import Dataset

from appliance.config.destinations import DimseDestination
from appliance.delivery.dimse import MOST_CONTEXTS, Dimse, DimseSession
from appliance.delivery.session import VERIFICATION, Transcoding
from tests.delivery.instances import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    J2K,
    JPEG,
    RLE,
    content,
    item,
    made,
    part10,
    read,
)
from tests.delivery.test_courier import Office
from tests.delivery.test_reencoding import values
from tests.delivery.test_transcoders import children, zeros
from tests.delivery.upstream import StoreScp, until

MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()
    assert not children()


@contextmanager
def taking(classes: Sequence[str], syntaxes: Sequence[str]) -> Iterator[tuple[int, list[tuple[str, str, bytes]]]]:
    """A pynetdicom SCP for these, and what it got: SOP instance, transfer syntax of the context, data set."""
    got: list[tuple[str, str, bytes]] = []

    def keep(event: pynetdicom.events.Event) -> int:
        raw = event.request.DataSet.getvalue()
        got.append((str(event.request.AffectedSOPInstanceUID), str(event.context.transfer_syntax), raw))
        return 0x0000

    entity = pynetdicom.AE(ae_title="PACS")
    for sop_class in classes:
        entity.add_supported_context(sop_class, list(syntaxes))
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, keep)])
    assert server is not None
    yield server.server_address[1], got
    server.shutdown()


def samples(directory: Path) -> dict[str, tuple[str, str, bytes, Dataset]]:
    """By SOP Instance UID: SOP class, transfer syntax, data set, and the same uncompressed as DCMTK has it."""
    found = {}
    for name, program, oracle in (
        ("CT_small.dcm", ("dcmconv", "+td"), ("dcmconv", "+te")),
        ("MR_small_RLE.dcm", (), ("dcmdrle", "+te")),
        ("SC_rgb_rle_16bit_2frame.dcm", (), ("dcmdrle", "+te")),
        ("SC_rgb_small_odd.dcm", ("dcmcrle",), ("dcmconv", "+te")),
        ("liver_expb_1frame.dcm", (), ("dcmconv", "+te")),
    ):
        meta, data = made(directory, name, *program) if program else content(name)
        _, plain = made(directory, name, *oracle)
        found[meta.sop_instance] = meta.sop_class, meta.transfer_syntax, data, read(plain, EXPLICIT)
    assert {syntax for _, syntax, _, _ in found.values()} == {DEFLATED, RLE, BIG_ENDIAN}
    assert len(found) == 5
    return found


def put_all(office: Office, found: dict[str, tuple[str, str, bytes, Dataset]]) -> None:
    office.adopt(
        [
            office.state.put(data, sop_class=sop_class, syntax=syntax, uid=instance)
            for instance, (sop_class, syntax, data, _) in found.items()
        ]
    )


@pytest.mark.parametrize(("option", "arrives"), [("+xe", EXPLICIT), ("+xi", IMPLICIT)])
def test_dcmtk_gets_uncompressed_what_it_does_not_take(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, arrives: str
) -> None:
    found = samples(tmp_path)
    if option == "+xe":  # it takes Big Endian as well, and gets it as it is
        found = {uid: sample for uid, sample in found.items() if sample[1] != BIG_ENDIAN}
    with StoreScp(tmp_path / "upstream", options=(option,)) as upstream:
        office.serve("pacs", upstream.port, on_unsupported="transcode")
        put_all(office, found)
        until(lambda: office.counts().delivered == len(found))
        received = {}
        for path in upstream.directory.iterdir():
            meta, data = part10(path.read_bytes())
            assert meta.transfer_syntax == arrives
            received[meta.sop_instance] = read(data, arrives)
    assert received.keys() == found.keys()
    for instance, (_, _, _, plain) in found.items():
        after = received[instance]
        assert after.PixelData == plain.PixelData
        if arrives == IMPLICIT:
            plain.remove_private_tags()
            after.remove_private_tags()
        assert values(after) == values(plain)
    # What it accepts is told as it is: nothing that is compressed.
    assert {syntax for _, syntax in office.ledger.accepted("pacs")} <= {EXPLICIT, IMPLICIT, BIG_ENDIAN}
    said = [line for line in capsys.readouterr().err.splitlines() if "TRANSCODED" in line]
    assert len(said) == len(found)
    assert all(f"stored by pacs in {arrives}, transcoded from 1.2.840.10008.1.2." in line for line in said)
    assert not any(instance in line for instance in found for line in said)


@pytest.mark.parametrize(("takes", "has"), [(EXPLICIT, IMPLICIT), (IMPLICIT, EXPLICIT), (EXPLICIT, BIG_ENDIAN)])
def test_pynetdicom_gets_the_one_that_it_takes(office: Office, takes: str, has: str) -> None:
    name = {IMPLICIT: "MR_small_implicit.dcm", EXPLICIT: "MR_small.dcm", BIG_ENDIAN: "MR_small_expb.dcm"}[has]
    meta, data = content(name)
    assert meta.transfer_syntax == has
    plain = read(content("MR_small.dcm")[1], EXPLICIT)
    with taking([MR], [takes]) as (port, got):
        office.serve("pacs", port, on_unsupported="transcode")
        office.adopt([office.state.put(data, sop_class=MR, syntax=has, uid=meta.sop_instance)])
        until(lambda: office.counts().delivered == 1)
    ((instance, syntax, arrived),) = got
    assert (instance, syntax) == (meta.sop_instance, takes)
    assert read(arrived, takes).PixelData == plain.PixelData


def test_what_it_takes_as_it_is_goes_as_it_is(office: Office) -> None:
    meta, data = content("MR_small_RLE.dcm")
    with taking([MR], [EXPLICIT, IMPLICIT, RLE]) as (port, got):
        office.serve("pacs", port, on_unsupported="transcode")
        office.adopt([office.state.put(data, sop_class=MR, syntax=RLE, uid=meta.sop_instance)])
        until(lambda: office.counts().delivered == 1)
    assert got == [(meta.sop_instance, RLE, data)]
    assert office.ledger.accepted("pacs") == {(MR, RLE), (MR, EXPLICIT), (MR, IMPLICIT)}


def test_what_cannot_be_transcoded_is_held_and_says_why(office: Office) -> None:
    rle, j2k = content("MR_small_RLE.dcm")[1], content("MR_small_jp2klossless.dcm")[1]
    with taking([MR, SC], [EXPLICIT]) as (port, got):
        office.serve("pacs", port, on_unsupported="transcode")
        held = {
            office.state.put(content("SC_rgb_jpeg_dcmtk.dcm")[1], sop_class=SC, syntax=JPEG): "without a loss",
            office.state.put(j2k, sop_class=MR, syntax=J2K): "no codec here",
            office.state.put(j2k, sop_class=MR, syntax=J2K, uid="2.999.7"): "no codec here",
            office.state.put(rle, sop_class=CT, syntax=RLE): "nor uncompressed",
            office.state.put(rle[:-50], sop_class=MR, syntax=RLE): "cannot be read to the end",
            office.state.put(rle.replace(b"\x02\0\0\0\x40\0\0\0", b"\x02\0\0\0\x44\0\0\0"), sop_class=MR, syntax=RLE): (
                "cannot be decoded"
            ),
        }
        office.adopt(list(held))
        good = office.adopt([office.state.put(rle, sop_class=MR, syntax=RLE, uid="2.999.8")])
        until(lambda: (office.counts().held, office.counts().delivered) == (len(held), 1))
        assert [(instance, syntax) for instance, syntax, _ in got] == [("2.999.8", EXPLICIT)]
    errors = {row.object_id: row.error for row in office.ledger.held("pacs")}
    assert errors.keys() == held.keys() and not errors.keys() & set(good)
    for object_id, words in held.items():
        assert words in errors[object_id]
        assert "configured there" in errors[object_id] or "have it accepted there" in errors[object_id]


def test_one_that_breaks_in_its_last_frame_ends_its_association_and_no_more(office: Office) -> None:
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * (512 * 512 // 128)
    broken = zeros(frame, 10).replace(item(frame), item(frame[:-400]), 10).replace(item(frame[:-400]), item(frame), 9)
    with taking([MR], [EXPLICIT]) as (port, got):
        office.serve("pacs", port, couriers=1, on_unsupported="transcode")
        office.adopt(
            [
                office.state.put(data, sop_class=MR, syntax=RLE, uid=f"2.999.{number}")
                for number, data in enumerate((zeros(frame, 10), broken, zeros(frame, 9)))
            ]
        )
        until(lambda: (office.counts().held, office.counts().delivered) == (1, 2))
    assert {instance for instance, _, _ in got} == {"2.999.0", "2.999.2"}
    (held,) = office.ledger.held("pacs")
    assert "cannot be decoded" in held.error


def test_without_the_policy_it_is_held(office: Office) -> None:
    with taking([MR], [EXPLICIT]) as (port, got):
        office.serve("pacs", port)
        office.adopt([office.state.put(content("MR_small_RLE.dcm")[1], sop_class=MR, syntax=RLE)])
        until(lambda: office.counts().held == 1)
    assert got == []


def test_one_negotiation_tells_and_as_many_are_asked_for_as_fit() -> None:
    kinds = [(f"1.2.840.10008.5.1.4.1.1.{n}", syntax) for n in range(1, 101) for syntax in (RLE, J2K)]
    with taking([kind for kind, _ in kinds], [IMPLICIT]) as (port, _):
        entry = {"name": "pacs", "kind": "dimse", "address": f"localhost:{port}", "ae_title": "PACS", "tls": "never"}
        connect = Dimse(DimseDestination.model_validate(entry | {"on_unsupported": "transcode"}))
        session = connect((*kinds, VERIFICATION), "EDGE01")
        session.end()
    assert isinstance(session, DimseSession) and isinstance(session, Transcoding)
    assert len(session.proposed) == MOST_CONTEXTS - 1  # and one for verification; a class has four, or three at first
    proposed = [kind for kind in kinds if kind in session.proposed]
    assert proposed == kinds[: len(proposed)] and len(proposed) == 63
    assert session.accepted == {(sop_class, IMPLICIT) for sop_class, _ in proposed}
    assert {session.why_not(kind) for kind in proposed} == {""}
