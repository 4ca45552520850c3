"""Compressed pixel data, decoded by whatever pydicom finds here; RLE Lossless it does by itself.

Frame by frame. Gives every bit as the encoder had it, or nothing: what a decoder says of its frame must be what the
data set says, but for planes, which become pixels, and a colour transform that JPEG 2000 reverses without a loss.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydicom.pixels import get_decoder

from appliance.base import limits

_Frame = tuple[bytes | bytearray, dict[str, Any]]  # and what the decoder says of it

_SUBSAMPLED = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"))
_REVERSED = {"YBR_RCT": "RGB"}  # PS3.5 8.2.4


class NoCodec(Exception):
    """pydicom has no decoder for this syntax here."""


class Undecodable(Exception):
    """The pixel data are not what their data set says, or a decoder gave something else. Nothing of them is in it."""


class FrameTooLong(Exception):
    """One frame would take more memory than there is for one."""


@dataclass(frozen=True, slots=True)
class Image:
    """The attributes of the Image Pixel Module (PS3.3 C.7.6.3) that say what the bits of pixel data are."""

    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    signed: int
    photometric: str
    planar: int

    @property
    def frame_length(self) -> int:
        """Of a decoded frame, in bytes."""
        return math.ceil(self.rows * self.columns * self.samples * self.bits_allocated / 8)


def frames(syntax: str, image: Image, encapsulated: BinaryIO) -> Iterator[tuple[bytes | bytearray, str]]:
    """Each frame, colour by pixel and little endian, with its photometric interpretation.

    Raises NoCodec, Undecodable, FrameTooLong.
    """
    if image.frame_length > limits.TRANSCODE_FRAME.default:
        raise FrameTooLong
    if image.photometric in _SUBSAMPLED:
        raise Undecodable
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise NoCodec from None
    if not decoder.is_available:
        raise NoCodec
    decoded = decoder.iter_buffer(
        encapsulated,
        rows=image.rows,
        columns=image.columns,
        samples_per_pixel=image.samples,
        number_of_frames=image.frames,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        pixel_representation=image.signed,
        photometric_interpretation=image.photometric,
        planar_configuration=image.planar,
        pixel_keyword="PixelData",
    )
    count = 0
    for frame, said in _without_a_doubt(decoded):
        count += 1
        photometric = str(said["photometric_interpretation"])
        if (
            count > image.frames
            or len(frame) != image.frame_length
            or said["bits_allocated"] != image.bits_allocated
            or photometric not in (image.photometric, _REVERSED.get(image.photometric))
        ):
            raise Undecodable
        if image.samples > 1 and said["planar_configuration"] == 1:
            frame = by_pixel(frame, image.samples, image.bits_allocated // 8)
        yield frame, photometric
    if count != image.frames:
        raise Undecodable


def _without_a_doubt(decoded: Iterator[_Frame]) -> Iterator[_Frame]:
    """What a decoder gives, as long as it warns of nothing: it cuts off what is too much, and the like."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                frame = next(decoded)
            except StopIteration:
                return
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001, decoders raise all kinds, with what was in the file in their texts
                raise Undecodable from None
        yield frame


def by_pixel(planes: bytes | bytearray, samples: int, width: int) -> bytearray:
    """Samples of `width` bytes plane after plane, as samples pixel after pixel."""
    plane = len(planes) // samples
    pixels = bytearray(len(planes))
    for sample in range(samples):
        for byte in range(width):
            pixels[sample * width + byte :: samples * width] = planes[
                sample * plane + byte : (sample + 1) * plane : width
            ]
    return pixels
