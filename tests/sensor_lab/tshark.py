"""tshark's reading of captures, in the shape of `readings.py`: taken from the text that it prints for people, since its
fields have no elements of command sets.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.sensor_lab.readings import Association, Context, Pdu, Reading, Readings, Said, Way

PORTS = (104, 2763, 4242, 11113)
_END = "~~~~"
_COLUMNS = ",".join(f'"{each}","{each}"' for each in ("%m", "%us", "%uS", "%ud", "%uD"))
_ELEMENT = re.compile(r"^ +\(0000,([0-9a-f]{4})\) +\d+ .{45} (.*)$")
_LINE = re.compile(r"^( +)([A-Za-z ]+): (.*)$")
_REJECT, _ABORT = ("result", "source", "reason"), ("source", "reason")
_WORDS = (
    *(f"dicom.assoc.reject.{each}" for each in _REJECT),
    *(f"dicom.assoc.abort.{each}" for each in _ABORT),
    "dicom.userinfo.user_identify.type",
)


def tshark(captures: Iterable[tuple[str, Path]], joined: Path) -> Readings:
    """Its reading of captures by name. All are written to `joined`, to be read at once."""
    frames: list[str] = []
    with joined.open("wb") as out:
        for name, path in captures:
            data = path.read_bytes()
            out.write(data[24 if frames else 0 :])
            frames += [name] * _count(data)
    as_dicom = [word for port in PORTS for word in ("-d", f"tcp.port=={port},dicom")]
    command = ["tshark", "-r", str(joined), *as_dicom, "-o", "tcp.reassemble_out_of_order:TRUE"]
    numbers = _numbers(command)
    details = ["-o", f"gui.column.format:{_COLUMNS}", "-Y", "dicom", "-P", "-O", "dicom", "-S", _END]
    read: Readings = defaultdict(Reading)
    packet: list[str] = []
    for line in _run([*command, *details]):
        if line != _END:
            packet.append(line)
            continue
        number, source, source_port, target, target_port = packet[0].split()
        way = Way(frames[int(number) - 1], source, int(source_port), target, int(target_port))
        _take(packet, read[way], numbers.get(number, {}))
        packet = []
    return read


def _run(command: list[str]) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _count(capture: bytes) -> int:
    """The frames of a classic pcap."""
    count, at = 0, 24
    while at < len(capture):
        at += 16 + int.from_bytes(capture[at + 8 : at + 12], "little")
        count += 1
    return count


def _numbers(command: list[str]) -> dict[str, dict[str, list[int]]]:
    """What it prints as words elsewhere, by frame: numbers in their order."""
    wanted = [word for each in _WORDS for word in ("-e", each)]
    some = " || ".join(_WORDS)
    found = {}
    for line in _run([*command, "-Y", some, "-T", "fields", "-e", "frame.number", *wanted]):
        number, *values = line.split("\t")
        found[number] = {
            word: [int(each, 0) for each in value.split(",") if each]
            for word, value in zip(_WORDS, values, strict=True)
        }
    return found


def _take(packet: list[str], into: Reading, numbers: dict[str, list[int]]) -> None:
    """The PDUs that ended in a frame."""
    pdu, said, association = Pdu(0, 0), None, Association(0)
    for line in packet:
        if found := _ELEMENT.match(line):
            if said is not None:
                _element(said, *found.groups())
            continue
        if not (found := _LINE.match(line)):
            continue
        depth, name, value = len(found[1]), found[2], found[3]
        match depth, name:
            case 4, "PDU Type":
                pdu = Pdu(int(value.rpartition("(")[2].rstrip(")"), 0), 0)
                into.pdus.append(pdu)
                if pdu.kind in (1, 2):
                    association = Association(pdu.kind)
                    into.associations.append(association)
                elif pdu.kind == 3:
                    into.ends.append(tuple(numbers[f"dicom.assoc.reject.{each}"].pop(0) for each in _REJECT))
                elif pdu.kind == 7:
                    into.ends.append(tuple(numbers[f"dicom.assoc.abort.{each}"].pop(0) for each in _ABORT))
            case 4, "PDU Length":
                pdu.length = int(value)
            case 8, "PDV Length":
                pdu.pdvs.append((int(value), 0, 0))
            case 8, "Context":
                pdu.pdvs[-1] = pdu.pdvs[-1][0], int(value.split()[0], 0), 0
            case 8, "Flags":
                size, context, _ = pdu.pdvs[-1]
                flags = int(value.split()[0], 0)
                pdu.pdvs[-1] = size, context, flags
                said = Said(context, "") if flags & 1 else None
                if said is not None and flags & 2:
                    into.commands.append(said)
            case _:
                _negotiated(association, depth, name, value, numbers)


def _element(said: Said, element: str, value: str) -> None:
    """An element of a command set."""
    match element:
        case "0002" | "0003":
            said.sop_class = _uid(value)
        case "0100":
            said.name = value
        case "0600":
            said.destination = value.strip()
        case "0800":
            said.data_set = int(value.split()[0], 0) != 0x0101
        case "0900":
            said.status = _status(value)


def _status(value: str) -> int:
    found = re.search(r"0x([0-9a-fA-F]+)", value)
    return int(found[1], 16) if found else int(value.split()[0], 0)


def _uid(value: str) -> str:
    """Like "CT Image Storage (1.2.840…)", or the UID alone, or the UID and its name."""
    return next(iter(re.findall(r"[0-9]+(?:\.[0-9]+)+(?![\w.])", value)), value.strip())


def _negotiated(said: Association, depth: int, name: str, value: str, numbers: dict[str, list[int]]) -> None:
    """A line of an A-ASSOCIATE-RQ or -AC. What is deeper than a summary counts."""
    contexts = said.contexts
    match depth, name:
        case 8, "Protocol Version":
            said.version = int(value)
        case 8, "Called  AE Title":
            said.called = value.strip()
        case 8, "Calling AE Title":
            said.calling = value.strip()
        case 12, "Application Context":
            said.application = _uid(value)
        case 12, "Context ID":
            contexts.append(Context(int(value, 0), "", (), None))
        case 12, "Result":
            contexts[-1] = contexts[-1]._replace(result=int(value.rpartition("(")[2].rstrip(")"), 0))
        case 16, "Abstract Syntax":
            contexts[-1] = contexts[-1]._replace(abstract=_uid(value))
        case 16, "Transfer Syntax":
            contexts[-1] = contexts[-1]._replace(transfers=(*contexts[-1].transfers, _uid(value)))
        case 16, "Max PDU Length":
            said.max_length = int(value)
        case 16, "Implementation Class UID":
            said.implementation = _uid(value)
        case 16, "Implementation Version":
            said.version_name = value.strip()
        case _, "User Identify" | "Type" if numbers.get(_WORDS[-1]) and said.identity is None:
            said.identity = numbers[_WORDS[-1]].pop(0)
