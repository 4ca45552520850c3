"""What we read of the lab's captures, beside what tshark, scapy's DICOM layer and pynetdicom read of the same bytes.

Owns no expectation of its own: where two readers differ, one of them is wrong, and the captures in which others are
known to read less are named with the reason.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import appliance.inspection.command_set as command_set
import appliance.inspection.conversation as conversation
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import Command
from tests.sensor_lab.readings import Pdu, Readings, association, ours, text, watched_walks
from tests.sensor_lab.scene import Outcome
from tests.sensor_lab.toolkits import (
    ABORT,
    P_DATA,
    RJ,
    SCAPYS_ITEMS,
    SCAPYS_SYNTAXES,
    association_by_pynetdicom,
    association_by_scapy,
    by_pynetdicom,
    end_by_pynetdicom,
    end_by_scapy,
    pdvs_by_pynetdicom,
    pdvs_by_scapy,
)
from tests.sensor_lab.tshark import tshark

# In these the stream is not one stream, or what it holds are no PDUs: each reader goes on as it sees fit.
AMBIGUOUS = frozenset(
    (
        "D21-huge_pdu",
        "D22-web_browser",
        "D27-fuzzer",
        "D27-three_faults",
        "D43-cable_out",
        "D47-contradicting_segments",
        "D48-overlapping_fragments",
    )
)
# In these a command stands behind the last piece of a data set in one P-DATA-TF, which tshark does not read on.
BEHIND_DATA = frozenset(("D07-move_behind_data", "D07-move_to_the_reader_behind_data"))
# What is malformed on purpose in captures that are none the less read alike.
FAULTS = {
    "D22-unknown_pdu": {"a PDU of unknown type"},
    "D26-aborted_by_the_provider": {"a PDU of unknown type"},
    "D26-aborted_nine_times": {"a PDU of unknown type"},
    "D27-broken_device": {"A-ASSOCIATE-RQ: an even presentation context id"},
}


@dataclass
class Read:
    """What was read of all captures."""

    readings: Readings = field(default_factory=dict)
    faults: dict[str, set[str]] = field(default_factory=dict)
    associations: list[tuple[bytes, Associate]] = field(default_factory=list)
    commands: list[tuple[bytes, Command]] = field(default_factory=list)

    def pdus(self, *kinds: int) -> list[Pdu]:
        """Of all captures that are not ambiguous."""
        return [
            pdu
            for way, each in self.readings.items()
            if way.capture not in AMBIGUOUS
            for pdu in each.pdus
            if pdu.kind in kinds
        ]


@pytest.fixture(scope="module")
def read(captures: list[Path]) -> Iterator[Read]:
    """All captures, with the bytes of each A-ASSOCIATE and each command set beside what we took them for."""
    found = Read()
    originals = conversation.parse_associate, command_set.parse_command

    def parse_associate(pdu: bytes) -> Associate:
        said = originals[0](pdu)
        found.associations.append((pdu, said))
        return said

    def parse_command(context_id: int, data: bytes) -> Command:
        said = originals[1](context_id, data)
        found.commands.append((data, said))
        return said

    with pytest.MonkeyPatch.context() as patch, watched_walks() as engines:
        patch.setattr(conversation, "parse_associate", parse_associate)
        patch.setattr(command_set, "parse_command", parse_command)
        for each in captures:
            engine = ours(each, each.stem, engines)
            if each.stem not in AMBIGUOUS:
                engine.follow_headers()
            found.readings |= engine.read
            found.faults[each.stem] = set(engine.faults)
    yield found


def test_there_is_enough_to_compare(read: Read) -> None:
    assert len(read.associations) > 400
    assert len({said.command_field for _, said in read.commands}) >= 10
    assert len(read.pdus(P_DATA)) > 5000
    assert any(len(each.pdvs) > 1 for each in read.pdus(P_DATA))
    assert all(read.pdus(kind) for kind in range(1, 8))


def test_nothing_is_faulted_where_nothing_is_wrong(read: Read) -> None:
    assert {name: said for name, said in read.faults.items() if said and name not in AMBIGUOUS} == FAULTS


def test_tshark_reads_the_same(read: Read, captures: list[Path], tmp_path: Path) -> None:
    """PDUs, PDVs, associations, command sets and reasons of ends, direction by direction, in their order."""
    unnamed, left_out = 0, AMBIGUOUS | BEHIND_DATA
    theirs = tshark([(each.stem, each) for each in captures if each.stem not in left_out], tmp_path / "all.pcap")
    mine = {way: each for way, each in read.readings.items() if way.capture not in left_out}
    assert mine.keys() == theirs.keys()
    for way, each in theirs.items():
        assert mine[way].pdus == each.pdus, way
        assert mine[way].associations == each.associations, way
        assert mine[way].ends == each.ends, way
        assert len(mine[way].commands) == len(each.commands), way
        for said, heard in zip(mine[way].commands, each.commands, strict=True):
            if heard.name:
                assert said == heard, way
            else:  # it lost the context's syntax, as it does behind compressed data
                unnamed += 1
    assert unnamed <= 20


def test_pynetdicom_reads_the_same_associations_or_refuses_what_we_fault(read: Read) -> None:
    agreed = 0
    for pdu, said in read.associations:
        try:
            theirs = association_by_pynetdicom(pdu)
        except Exception:
            assert said.faults, pdu
            continue
        assert association(said) == theirs
        agreed += 1
    assert agreed > 400


def test_scapy_reads_the_same_associations(read: Read) -> None:
    agreed = 0
    for pdu, said in read.associations:
        if said.faults or any(len(each.transfer_syntaxes) > SCAPYS_SYNTAXES for each in said.contexts):
            continue  # it takes part of what is malformed
        theirs, mine = association_by_scapy(pdu), association(said)
        if pdu.count(b"\x54\0\0") > SCAPYS_ITEMS - 5:  # getscu proposes a role for each class
            assert theirs.max_length is None
            theirs.max_length, theirs.implementation = mine.max_length, mine.implementation
            theirs.version_name = mine.version_name
        assert mine == theirs
        agreed += 1
    assert agreed > 400


def test_pynetdicom_and_scapy_read_the_same_pdvs(read: Read) -> None:
    for pdu in read.pdus(P_DATA):
        assert pdu == pdvs_by_pynetdicom(pdu.data) == pdvs_by_scapy(pdu.data)


def test_pynetdicom_and_scapy_read_the_same_ends(read: Read) -> None:
    told = [end for way, each in read.readings.items() if way.capture not in AMBIGUOUS for end in each.ends]
    found = read.pdus(RJ, ABORT)
    assert len(told) == len(found) > 20
    for pdu, end in zip(found, told, strict=True):
        assert end == end_by_pynetdicom(pdu.data) == end_by_scapy(pdu.data)
    for pdu in read.pdus(5, 6):
        assert by_pynetdicom(pdu.data).pdu_length == pdu.length


def test_pynetdicom_reads_the_same_commands(read: Read) -> None:
    from pynetdicom.dsutils import decode

    agreed = 0
    for data, said in read.commands:
        assert not said.faults, data  # the lab's command sets are whole; odd ones are in tests/inspection
        theirs = decode(io.BytesIO(data), True, True)
        assert (said.command_field, said.status) == (theirs.get("CommandField"), theirs.get("Status"))
        assert said.data_set is (theirs.get("CommandDataSetType") not in (None, 0x0101))
        named = theirs.get("AffectedSOPClassUID") or theirs.get("RequestedSOPClassUID") or ""
        assert text(said.sop_class) == str(named)
        assert text(said.move_destination) == str(theirs.get("MoveDestination") or "").strip()
        agreed += 1
    assert agreed > 3000


def test_scapy_reads_the_same_statuses(read: Read) -> None:
    from scapy.contrib.dicom import parse_dimse_status

    assert [said.status for _, said in read.commands] == [parse_dimse_status(data) for data, _ in read.commands]
    assert len({said.status for _, said in read.commands}) >= 5


# What a file does not hold: time that passes without a frame, and what the program itself notices.
LIVE_ALONE = ("D24-silent_connections", "D44", "D45")


def test_a_capture_says_what_the_mirror_said(played: dict[str, Outcome], site_config: Path) -> None:
    """`appliance sensor --pcap` raises what the live sensor raised."""
    from appliance.cli.pcap import inspect_file, registry_of, signed_by_site
    from appliance.config.load import load_config

    config = load_config(site_config)
    known, signed = registry_of(config, ("10.20.0.2", "fd20::2")), signed_by_site(config)
    differ = {}
    for name, outcome in played.items():
        if outcome.pcap is None or name.startswith(LIVE_ALONE) or outcome.scene.rule == "D35":
            continue
        again = frozenset(
            record["alert"]["signature_id"] for record in inspect_file(outcome.pcap, known, signed=signed)[1]
        )
        if again != outcome.rules:
            differ[name] = sorted(outcome.rules), sorted(again)
    assert differ == {}
