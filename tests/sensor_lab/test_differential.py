"""What we read of the lab's captures, beside what tshark, scapy's DICOM layer and pynetdicom read of the same bytes.

Owns no expectation of its own: where two readers differ, one of them is wrong, and the captures in which others are
known to read less are named with the reason.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import appliance.inspection.command_set as command_set
import appliance.inspection.conversation as conversation
from appliance.capture.pcap_file import PcapFile
from appliance.inspection.associate import Associate
from appliance.inspection.command_set import Command
from appliance.inspection.engine import Inspection
from appliance.inspection.observations import AssociationRequested, CommandSeen
from tests.inspection.scene import registry
from tests.sensor_lab.scene import Outcome

# In these the stream is not one stream, or its PDUs are none: each reader goes on as it sees fit.
AMBIGUOUS = ("D21", "D22", "D23", "D27", "D43", "D47", "D48")
PORTS = (104, 2763, 4242, 11113)


@dataclass
class Read:
    """What was read of all captures."""

    requests: list[tuple[bytes, Associate]] = field(default_factory=list)
    commands: list[tuple[bytes, Command]] = field(default_factory=list)
    titles: Counter[tuple[str, str]] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)


class _Listening(Inspection):
    """An engine that remembers what it was told."""

    read: Read

    def report(self, observation: Any) -> None:
        if isinstance(observation, AssociationRequested):
            request = observation.request
            self.read.titles[_text(request.called), _text(request.calling)] += 1
        elif isinstance(observation, CommandSeen):
            self.read.names[observation.command.name] += 1
        super().report(observation)


def _text(title: bytes) -> str:
    return title.rstrip(b"\0 ").decode("latin-1").strip()


def _read(path: Path, read: Read) -> None:
    engine = _Listening(registry(own=False), path.name)
    engine.read = read
    file = PcapFile(path)
    engine.inspect(file)
    file.close()
    engine.finish()


@pytest.fixture(scope="module")
def read(captures: list[Path]) -> Iterator[Read]:
    """All captures, with the bytes of each request and each command set beside what we took them for."""
    found = Read()
    originals = conversation.parse_associate, command_set.parse_command

    def associate(pdu: bytes) -> Associate:
        said = originals[0](pdu)
        found.requests.append((pdu, said))
        return said

    def command(context_id: int, data: bytes) -> Command:
        said = originals[1](context_id, data)
        found.commands.append((data, said))
        return said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation, "parse_associate", associate)
        patch.setattr(command_set, "parse_command", command)
        for each in captures:
            _read(each, found)
    yield found


def test_there_is_enough_to_compare(read: Read) -> None:
    assert len(read.requests) > 300
    assert len({said.command_field for _, said in read.commands}) >= 10


def _tshark(path: Path) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    as_dicom = [word for port in PORTS for word in ("-d", f"tcp.port=={port},dicom")]
    wanted = ("dicom.assoc.ae.called", "dicom.assoc.ae.calling", "dicom.pdu.type", "_ws.col.Info")
    options = [word for each in wanted for word in ("-e", each)]
    done = subprocess.run(
        ["tshark", "-r", str(path), *as_dicom, "-Y", "dicom", "-T", "fields", "-E", "separator=/t", *options],
        capture_output=True,
        text=True,
        check=True,
    )
    titles: Counter[tuple[str, str]] = Counter()
    names: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        called, calling, kinds, info = (*line.split("\t"), "", "", "")[:4]
        if "1" in kinds.replace("0x", "").split(",") or "0x01" in kinds:
            titles.update([(called.split(",")[0].strip(), calling.split(",")[0].strip())])
        names.update(
            f"{name}-{kind.upper()}" for name, kind in re.findall(r"\b([CN]-[A-Z-]+?)-(RQ|RSP)\b(?!-DATA)", info)
        )
    return titles, names


def test_tshark_sees_the_same_associations_and_commands(played: dict[str, Outcome], tmp_path: Path) -> None:
    compared = {name: each.pcap for name, each in played.items() if each.pcap and not name.startswith(AMBIGUOUS)}
    ours = Read()
    one = tmp_path / "all.pcap"  # one start of tshark; each scene has a day of its own
    with one.open("wb") as out:
        for number, path in enumerate(compared.values()):
            _read(path, ours)
            out.write(path.read_bytes()[24 if number else 0 :])
    titles, names = _tshark(one)
    assert (ours.titles - titles, titles - ours.titles) == (Counter(), Counter())
    assert names - ours.names == Counter()
    # Its column shows one command of a frame, and "Command" where it has lost the syntax of a context.
    assert (ours.names - names).total() <= ours.names.total() // 50
    assert sum(titles.values()) > 200


def test_pynetdicom_reads_the_same_requests_or_refuses_what_we_fault(read: Read) -> None:
    from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

    agreed = 0
    for pdu, ours in read.requests:
        theirs = (A_ASSOCIATE_RQ if pdu[0] == 1 else A_ASSOCIATE_AC)()
        try:
            theirs.decode(pdu)
            called, calling = theirs.called_ae_title, theirs.calling_ae_title
        except Exception:
            assert ours.faults, pdu
            continue
        if pdu[0] == 1:
            assert (_text(ours.called), _text(ours.calling)) == (str(called).strip(), str(calling).strip())
            proposed = [
                (each.context_id, str(each.abstract_syntax), len(each.transfer_syntax))
                for each in theirs.presentation_context
            ]
            mine = [
                (c.context_id, c.abstract_syntax.rstrip(b"\0").decode(), len(c.transfer_syntaxes))
                for c in ours.contexts
            ]
            assert mine == proposed
        else:
            answered = [(each.context_id, each.result) for each in theirs.presentation_context]
            assert [(each.context_id, each.result) for each in ours.contexts] == answered
        assert ours.max_length == theirs.user_information.maximum_length
        agreed += 1
    assert agreed > 250


def test_scapy_reads_the_same_requests(read: Read) -> None:
    from scapy.contrib.dicom import (
        A_ASSOCIATE_AC,
        A_ASSOCIATE_RQ,
        DICOM,
        DICOMMaximumLength,
        DICOMPresentationContextAC,
        DICOMPresentationContextRQ,
    )

    agreed = 0
    for pdu, ours in read.requests:
        if ours.faults or any(len(each.transfer_syntaxes) > 60 for each in ours.contexts):
            continue  # it takes part of what is malformed, and gives up on very long lists
        theirs = DICOM(pdu)
        layer = theirs[A_ASSOCIATE_RQ if pdu[0] == 1 else A_ASSOCIATE_AC]
        assert (ours.called, ours.calling) == (_field(layer.called_ae_title), _field(layer.calling_ae_title))
        kind = DICOMPresentationContextRQ if pdu[0] == 1 else DICOMPresentationContextAC
        found = [item[kind].context_id for item in layer.variable_items if kind in item]
        assert [each.context_id for each in ours.contexts] == found
        if not _within(layer):
            continue  # behind as many contexts as it takes at most
        lengths = [sub[DICOMMaximumLength].max_pdu_length for sub in _within(layer) if DICOMMaximumLength in sub]
        assert lengths == ([] if ours.max_length is None else [ours.max_length])
        agreed += 1
    assert agreed > 250


def _field(title: Any) -> bytes:
    return (title if isinstance(title, bytes) else str(title).encode("latin-1")).ljust(16)


def _within(layer: Any) -> list[Any]:
    from scapy.contrib.dicom import DICOMUserInformation

    return [
        sub
        for item in layer.variable_items
        if DICOMUserInformation in item
        for sub in item[DICOMUserInformation].sub_items
    ]


def test_pynetdicom_reads_the_same_commands(read: Read) -> None:
    from pynetdicom.dsutils import decode

    agreed = 0
    for data, ours in read.commands:
        try:
            theirs = decode(io.BytesIO(data), True, True)
            fields = theirs.get("CommandField"), theirs.get("Status"), theirs.get("CommandDataSetType")
        except Exception:
            assert ours.faults, data
            continue
        if ours.faults:
            continue
        assert (ours.command_field, ours.status) == fields[:2]
        assert ours.data_set is (fields[2] not in (None, 0x0101))
        named = theirs.get("AffectedSOPClassUID") or theirs.get("RequestedSOPClassUID") or ""
        assert ours.sop_class.rstrip(b"\0 ").decode() == str(named)
        assert ours.move_destination.strip(b"\0 ").decode() == str(theirs.get("MoveDestination") or "").strip()
        agreed += 1
    assert agreed > 1000


# What a file does not hold: time that passes without a frame, and what the program itself notices.
LIVE_ALONE = ("D24-silent_connections", "D44", "D45")


def test_a_capture_says_what_the_mirror_said(played: dict[str, Outcome], site_config: Path) -> None:
    """`appliance sensor --pcap` raises what the live sensor raised."""
    from appliance.cli.pcap import inspect_file, registry_of
    from appliance.config.load import load_config

    known = registry_of(load_config(site_config), ("10.20.0.2", "fd20::2"))
    differ = {}
    for name, outcome in played.items():
        if outcome.pcap is None or name.startswith(LIVE_ALONE) or outcome.scene.rule == "D35":
            continue
        again = frozenset(record["alert"]["signature_id"] for record in inspect_file(outcome.pcap, known)[1])
        if again != outcome.rules:
            differ[name] = sorted(outcome.rules), sorted(again)
    assert differ == {}
