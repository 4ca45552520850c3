"""Writes a data set in Explicit or Implicit VR Little Endian, uncompressed. Pure: bytes in, bytes out.

Values are moved, not read and written anew: what is odd in them stays. Only words of big endian are turned, compressed
pixel data decoded, and what describes these adapted. Sequences get undefined lengths, group lengths are left out
(PS3.5 7.2). All that can be known to be wrong is found before the first byte is written, but for later frames.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_VR

from appliance.base import limits
from appliance.delivery.elements import (
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT,
    UNDEFINED,
    Element,
    NotADataSet,
    parse,
)
from appliance.delivery.pixels import Image, Undecodable, frames
from appliance.delivery.transcodable import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, is_compressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Write = Callable[[bytes | bytearray | memoryview], object]

_LONGEST_SHORT = 0xFFFE  # of a value whose length has 16 bits
_TURNED_AT_ONCE = 1 << 20
_BEHIND_DEFLATED = 9  # the checksum and length of gzip, which some leave there, and padding (PS3.5 A.5)
# PS3.5 7.3, by the bytes of a word; of all others a byte is a word. A UN is not turned (PS3.5 6.2.2).
_WORDS = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), "H"),
    **dict.fromkeys(("UL", "SL", "FL", "OL", "OF"), "I"),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), "Q"),
}
_BYTES = frozenset(vr.decode() for vr in b"AE AS CS DA DS DT IS LO LT OB PN SH SQ ST TM UC UI UN UR UT".split())

_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS, _ALLOCATED, _STORED, _SIGNED = 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280103
# Extended offset tables and the length of what is compressed: PS3.3 C.7.6.3.1.8 to 10.
_OF_THE_COMPRESSED = frozenset((0x7FE00001, 0x7FE00002, 0x7FE00003))


class TooLong(Exception):
    """Inflated, it is longer than what may be transcoded."""


class PixelOrder(Exception):
    """Big endian pixel cells of more than 16 bits: some turn their words, some the whole cells."""


def reencode(data: memoryview, source: str, target: str, write: Write) -> None:
    """Write a data set of syntax `source` in `target`, EXPLICIT or IMPLICIT.

    Raises NotADataSet, TooLong, PixelOrder, and what `pixels.frames` raises.
    """
    if source == DEFLATED:
        data = memoryview(_inflated(data))
    elements = parse(data, big=source == BIG_ENDIAN, dictionary=vr_of if source == IMPLICIT else None)
    _Writer(data, source, write).level(elements, explicit=target == EXPLICIT)


def vr_of(tag: int) -> str:
    """The VR of an element by the standard; "" for one that is not in it. Where the standard names several it is
    "US or SS", which the pixels decide, or OW, which Implicit VR has for all of the others (PS3.5 A.1)."""
    group, number = tag >> 16, tag & 0xFFFF
    if group % 2:
        return "LO" if 0x10 <= number <= 0xFF else ""
    try:
        vr = str(dictionary_VR(tag))
    except KeyError:
        return ""
    return "OW" if " or " in vr and "OW" in vr else vr


def _inflated(data: memoryview) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        whole = inflater.decompress(data, limits.TRANSCODE_SIZE.default + 1)
    except zlib.error:
        raise NotADataSet("what was deflated does not inflate") from None
    if len(whole) > limits.TRANSCODE_SIZE.default:
        raise TooLong
    if not inflater.eof or len(inflater.unused_data) > _BEHIND_DEFLATED:
        raise NotADataSet("what was deflated does not end where it should")
    return whole


class _Writer:
    def __init__(self, data: memoryview, source: str, write: Write) -> None:
        self._data = data
        self._source = source
        self._write = write

    def level(
        self, elements: list[Element], *, explicit: bool, big: bool | None = None, signed: int | None = None
    ) -> None:
        """Write the elements of a data set or of an item. `signed` is the Pixel Representation around it."""
        big = self._source == BIG_ENDIAN if big is None else big
        found = {element.tag: element for element in elements}
        signed = self._number(found.get(_SIGNED), big) if _SIGNED in found else signed
        pixels = found.get(PIXEL_DATA)
        replaced: dict[int, bytes] = {}
        image = decoded = first = None
        if pixels and pixels.encapsulated:
            image = self._image(found)
            decoded = self._frames(pixels, image)
            first, photometric = next(decoded)
            if photometric != image.photometric:
                replaced[_PHOTOMETRIC] = _padded(photometric.encode())
            if image.samples > 1:
                replaced[_PLANAR] = b"\0\0"  # colour by pixel, which some IODs demand of what is not compressed
        elif pixels and big:
            self._check_order(pixels, found)
        for element in elements:
            tag = element.tag
            if not tag & 0xFFFF or (decoded and tag in _OF_THE_COMPRESSED):
                continue
            vr = self._resolved(element, signed)
            if element.items is not None:
                self._sequence(element, vr, explicit, big, signed)
            elif element is pixels and decoded and image and first is not None:
                self._pixels(image, first, decoded, explicit)
            elif tag in replaced:
                self._header(tag, vr, len(replaced[tag]), explicit)
                self._write(replaced[tag])
            else:
                self._header(tag, vr, element.end - element.start, explicit)
                self._value(element, vr, big)

    def _resolved(self, element: Element, signed: int | None) -> str:
        if element.vr == "US or SS":
            return "SS" if signed else "US"
        return element.vr or "UN"

    def _sequence(self, element: Element, vr: str, explicit: bool, big: bool, signed: int | None) -> None:
        assert element.items is not None
        if not element.items:
            self._header(element.tag, vr, 0, explicit)
            return
        self._header(element.tag, vr, UNDEFINED, explicit)
        verbatim = vr == "UN"  # in Implicit VR Little Endian, whatever is around it
        for item in element.items:
            self._delimit(ITEM, UNDEFINED)
            self.level(item, explicit=explicit and not verbatim, big=big and not verbatim, signed=signed)
            self._delimit(ITEM_END, 0)
        self._delimit(SEQUENCE_END, 0)

    def _value(self, element: Element, vr: str, big: bool) -> None:
        value = self._data[element.start : element.end]
        if not big or vr in _BYTES:
            self._write(value)
            return
        if vr not in _WORDS:
            raise NotADataSet("it has a value representation of which the words are not known")
        for at in range(0, len(value), _TURNED_AT_ONCE):
            words = array(_WORDS[vr])
            try:
                words.frombytes(value[at : at + _TURNED_AT_ONCE])
            except ValueError:
                raise NotADataSet("a value ends within a word") from None
            words.byteswap()
            self._write(words.tobytes())

    def _pixels(
        self, image: Image, first: bytes | bytearray, rest: Iterator[tuple[bytes | bytearray, str]], explicit: bool
    ) -> None:
        length = image.frame_length * image.frames
        if length + length % 2 >= UNDEFINED:
            raise TooLong
        self._header(PIXEL_DATA, "OB" if image.bits_allocated <= 8 else "OW", length + length % 2, explicit)
        self._write(first)
        for frame, _ in rest:
            self._write(frame)
        self._write(b"\0" * (length % 2))

    def _header(self, tag: int, vr: str, length: int, explicit: bool) -> None:
        group, number = tag >> 16, tag & 0xFFFF
        if not explicit:
            self._write(struct.pack("<HHL", group, number, length))
            return
        if vr in SHORT and length > _LONGEST_SHORT:
            vr = "UN"  # PS3.5 6.2.2: its length does not fit
        if vr in SHORT:
            self._write(struct.pack("<HH2sH", group, number, vr.encode(), length))
        else:
            self._write(struct.pack("<HH2sxxL", group, number, vr.encode(), length))

    def _delimit(self, tag: int, length: int) -> None:
        self._write(struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length))

    def _check_order(self, pixels: Element, found: dict[int, Element]) -> None:
        if self._number(found.get(_ALLOCATED), True) > (16 if pixels.vr == "OW" else 8):
            raise PixelOrder

    def _image(self, found: dict[int, Element]) -> Image:
        """What the data set says of its compressed pixels, which are always in Explicit VR Little Endian."""
        try:
            text = self._text(found.get(_FRAMES))
            samples = self._number(found.get(_SAMPLES))
            return Image(
                rows=self._number(found.get(_ROWS)),
                columns=self._number(found.get(_COLUMNS)),
                samples=samples,
                frames=int(text) if text else 1,
                bits_allocated=self._number(found.get(_ALLOCATED)),
                bits_stored=self._number(found.get(_STORED)),
                signed=self._number(found.get(_SIGNED)),
                photometric=self._text(found.get(_PHOTOMETRIC)),
                planar=self._number(found.get(_PLANAR)) if samples > 1 else 0,
            )
        except ValueError:
            raise Undecodable from None

    def _frames(self, pixels: Element, image: Image) -> Iterator[tuple[bytes | bytearray, str]]:
        if not is_compressed(self._source):
            raise NotADataSet("its pixel data are encapsulated, and its transfer syntax is none of a compression")
        window = io.BufferedReader(_Window(self._data[pixels.start : pixels.end]))
        decoded = frames(self._source, image, window)
        return _same_colours(decoded)

    def _number(self, element: Element | None, big: bool = False) -> int:
        """The value of a US; a ValueError where it is none."""
        if element is None or element.end - element.start != 2:
            raise NotADataSet("what says how its pixels are to be read is missing")
        return int.from_bytes(self._data[element.start : element.end], "big" if big else "little")

    def _text(self, element: Element | None) -> str:
        if element is None:
            return ""
        return bytes(self._data[element.start : element.end]).decode("ascii", "replace").strip(" \0")


def _same_colours(decoded: Iterator[tuple[bytes | bytearray, str]]) -> Iterator[tuple[bytes | bytearray, str]]:
    """Frames that all have the photometric interpretation of the first: there is one attribute for all."""
    colours = ""
    for frame, photometric in decoded:
        if photometric != (colours := colours or photometric):
            raise Undecodable
        yield frame, photometric


def _padded(text: bytes) -> bytes:
    return text + b" " * (len(text) % 2)


class _Window(io.RawIOBase):
    """Bytes as a file, without a copy."""

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Within or behind the bytes."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Copy what is next; 0 at the end."""
        out = memoryview(buffer).cast("B")
        piece = self._view[self._at : self._at + len(out)]
        out[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
