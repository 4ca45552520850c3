"""Which transfer syntaxes can be sent in another one, to which, and what is said where that cannot be.

Only what gives back every bit: a lossy syntax has decoders that differ in the last bit, so it is left as it is. Whether
a codec is there for a compressed syntax is known to the transcoder's process alone (`transcoder.py`).
"""

from __future__ import annotations

from enum import IntEnum

from appliance.base import limits

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

TARGETS = (EXPLICIT, IMPLICIT)
"""What an instance may be sent in instead, the better first: Explicit VR keeps the VR of private attributes."""

# What needs no codec, and what one gives back to the last bit, with the names for people.
REENCODED = frozenset((IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN))
LOSSLESS = {
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, first-order prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}

NOT_ACCEPTED = "the destination does not accept this SOP class with this transfer syntax"
NOT_EVEN_UNCOMPRESSED = f"{NOT_ACCEPTED}, nor uncompressed: have the class configured there"
_CONFIGURE = "Have {sop_class} with {syntax} configured there; then run `appliance queue retry`."
_REPORT = "Have the destination accept it as it is, and tell us of the object; then run `appliance queue retry`."


class Failure(IntEnum):
    """Why the transcoder gave an instance up; also its exit status, so that no text of it has to be trusted."""

    CRASHED = 1
    DAMAGED = 10
    NO_CODEC = 11
    UNDECODABLE = 12
    PIXEL_ORDER = 13
    TOO_LONG = 14
    MEMORY = 15
    TIME = 16
    SILENT = 17
    UNSTARTED = 18
    ENDED = 19


_SIZE = limits.TRANSCODE_SIZE.default >> 20
_WORDS = {
    Failure.CRASHED: "the transcoder ended before its time",
    Failure.DAMAGED: "its data set cannot be read to the end",
    Failure.NO_CODEC: "there is no codec here for its transfer syntax",
    Failure.UNDECODABLE: "its pixel data cannot be decoded without a doubt",
    Failure.PIXEL_ORDER: "its pixel data are big endian and wider than 16 bits, which devices write in two orders",
    Failure.TOO_LONG: f"it is longer than {_SIZE} MiB",
    Failure.MEMORY: "the transcoder needed more memory than it may have",
    Failure.TIME: "the transcoder needed more time than it may have",
    Failure.SILENT: "nothing came from the transcoder for too long",
    Failure.UNSTARTED: "the transcoder cannot be started",
    Failure.ENDED: "the transcoder's process was ended from outside",
}


class NotTranscoded(Exception):
    """An instance cannot be sent in another syntax; `reason` and `advice` are for a person. `temporary`: it is no
    fault of the instance, and worth another try."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure
        self.reason = f"not accepted as it is, and it cannot be transcoded: {_WORDS[failure]}; have it accepted there"
        self.advice = _REPORT
        self.temporary = failure in (Failure.UNSTARTED, Failure.ENDED)


def why_not(syntax: str) -> str:
    """Why nothing in this syntax can be transcoded, whatever codecs there are; "" where it may be."""
    if syntax in REENCODED or syntax in LOSSLESS:
        return ""
    return f"{NOT_ACCEPTED}, and it cannot be transcoded without a loss: have it configured there"


def no_codec(syntax: str) -> str:
    """What is said when there is no codec for a syntax."""
    return f"{NOT_ACCEPTED}, and there is no codec here for {LOSSLESS.get(syntax, syntax)}: have it configured there"


def configure(sop_class: str, syntax: str) -> str:
    """What a person does about a kind that is not accepted."""
    return _CONFIGURE.format(sop_class=sop_class, syntax=syntax)


def is_compressed(syntax: str) -> bool:
    """Whether pixel data in this syntax need a codec."""
    return syntax in LOSSLESS
