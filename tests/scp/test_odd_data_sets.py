"""Data sets that crash parsers and viewers are a few bytes here: stored as they are, byte for byte, under random names.

The box decodes no pixels and opens no sequence (facts: DICOM network, 4.1).
"""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from appliance.scp import ingest
from appliance.upper_layer import association as upper
from appliance.upper_layer.negotiation import PresentationContext
from tests.scp.malformed import Refusals, answer, opened, store_rq
from tests.scp.scene import CONTEXTS, CT, EXPLICIT, Scene, data_set
from tests.scp.scene import element as long_form

DEFLATED = PresentationContext(5, CT, ("1.2.840.10008.1.2.1.99",))

# Study Instance UID as a path: the data set is the sender's matter, but nothing here is named after it.


@pytest.mark.parametrize("study", [b"..", b".", b"../../x", b"/abs", b"1.2\0.3"])
def test_a_study_instance_uid_names_no_file(scp: Scene, refusals: Refusals, study: bytes) -> None:
    sent = data_set("1.2.3.4").replace(long_form(0x0020000D, b"UI", b"1.2.3.77"), long_form(0x0020000D, b"UI", study))
    assert study in sent
    with scp.connect() as modality:
        modality.associate()
        assert modality.store("1.2.3.4", sent).status == ingest.SUCCESS
    (path,) = scp.files()
    assert path.parent == scp.layout.incoming and len(path.name.partition(".")[0]) == 32
    assert opened(scp, path).endswith(sent)
    assert not refusals()


# Data sets: stored as they are, whatever they would do to a parser


def sequence_bomb(depth: int) -> bytes:
    """Sequences and items of undefined length in one another, and no delimiter."""
    begin = struct.pack("<HH2sxxL", 0x0008, 0x1115, b"SQ", 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return data_set("1.2.3.4")[: len(data_set("1.2.3.4")) - 200] + begin * depth


HEAD = long_form(0x00080016, b"UI", CT.encode()) + long_form(0x00080018, b"UI", b"1.2.3.4")
ODD_DATA_SETS = {
    "nested 5000 deep, without delimiters": HEAD + sequence_bomb(5000),
    "a VR that is none, with a huge length": HEAD + b"\x08\0\x20\0\xff\xff\0\0\xff\xff\xff\xff" + b"x" * 99,
    "file meta information where the data set begins": b"\x02\0\0\0UL\4\0\xff\xff\xff\xff"
    + b"\x02\0\1\0??\0\0\xff\xff\xff\x7f",
    "Rows as UL, a palette index out of range": data_set("1.2.3.4")
    + b"\x28\0\x10\0UL\4\0\xff\xff\xff\xff\x28\0\1\x11US\6\0\xff\xff\0\0\x20\0",
    "a length beyond the end": HEAD + b"\x09\0\1\0UN\0\0\xfe\xff\xff\xff" + b"x" * 99,
    "undefined length, ended by nothing": HEAD + b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff",
    "delimiters of nothing": HEAD + b"\xfe\xff\xdd\xe0\0\0\0\0" * 50,
    "an odd length": HEAD + b"\x10\0\x20\0LO\3\0abc",
    "no byte at all": b"",
    "a file reference out of a DICOMDIR": HEAD + long_form(0x00081155, b"UI", b"../../../x"),
}


@pytest.mark.parametrize("name", ODD_DATA_SETS)
def test_an_odd_data_set_is_stored_as_it_is(scp: Scene, refusals: Refusals, name: str) -> None:
    sent = ODD_DATA_SETS[name]
    with scp.connect() as modality:
        modality.associate()
        assert answer(modality, 3, store_rq(b"1.2.3.4"), sent).status == ingest.SUCCESS
    (path,) = scp.files()
    assert opened(scp, path).endswith(sent)
    assert not refusals()


@pytest.mark.parametrize("bomb", [bytes(64 << 20), b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" * (1 << 20)])
def test_a_deflated_bomb_is_not_inflated(scp: Scene, refusals: Refusals, bomb: bytes) -> None:
    packer = zlib.compressobj(wbits=-15)
    sent = packer.compress(bomb) + packer.flush()
    assert len(bomb) > 500 * len(sent)
    pieces = [sent[at : at + 65536] for at in range(0, len(sent), 65536)]
    with scp.connect() as modality:
        modality.associate(contexts=(*CONTEXTS, DEFLATED))
        began = time.process_time()
        assert answer(modality, 5, store_rq(b"1.2.3.4"), *pieces).status == ingest.SUCCESS
        assert time.process_time() - began < 2
    (path,) = scp.files()
    assert path.stat().st_size < len(sent) + (256 << 10)
    assert not refusals()


def test_a_dicomdir_is_no_storage_class(scp: Scene) -> None:
    """Its Referenced File ID cannot lead anywhere, since nothing here reads one."""
    directory = PresentationContext(7, "1.2.840.10008.1.3.10", (EXPLICIT,))
    with scp.connect() as modality:
        event = modality.associate(contexts=(*CONTEXTS, directory))
        assert isinstance(event, upper.AssociationAccepted)
        assert [(each.context_id, each.result) for each in event.accept.contexts] == [(1, 0), (3, 0), (7, 3)]
