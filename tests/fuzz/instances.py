"""A target in delivery: instances that are to be sent in another transfer syntax."""

from __future__ import annotations

import io

from appliance.delivery.elements import NotADataSet, parse, unknown
from appliance.delivery.pixels import FrameTooLong, NoCodec, Undecodable
from appliance.delivery.reencoding import PixelOrder, TooLong, reencode
from tests.delivery.instances import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, RLE, content
from tests.fuzz.target import Target

_SOURCES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, RLE)
_FILES = ("priv_SQ.dcm", "MR_small_RLE.dcm", "rtdose_rle_1frame.dcm", "rtplan.dcm", "liver_expb_1frame.dcm")


def transcoded(data: bytes) -> None:
    """A data set is refused by a known kind of error, or becomes one that is read whole again. The first byte says from
    which transfer syntax, and to which."""
    if not data:
        return
    source, target = _SOURCES[data[0] % len(_SOURCES)], (EXPLICIT, IMPLICIT)[data[0] // len(_SOURCES) % 2]
    out = io.BytesIO()
    try:
        reencode(memoryview(data)[1:], source, target, out.write)
    except (NotADataSet, NoCodec, Undecodable, FrameTooLong, PixelOrder, TooLong):
        return
    parse(memoryview(out.getvalue()), dictionary=None if target == EXPLICIT else unknown)


def _seed(name: str, target: int) -> bytes:
    meta, data = content(name)
    return bytes((_SOURCES.index(meta.transfer_syntax) + len(_SOURCES) * target,)) + data


TARGETS = (Target(transcoded, tuple(_seed(name, target) for name in _FILES for target in (0, 1))),)
