"""A name for each way in which keys and sealed objects are refused.

`name` is the stable word that FORMAT.md and the test vectors use. No message holds a key, plaintext, or a value that
was read from an object.
"""

from __future__ import annotations

from typing import ClassVar

from appliance.base.errors import CryptoError


class SealError(CryptoError):
    """A key or a sealed object is not what FORMAT.md says it should be."""

    name: ClassVar[str] = "seal-error"


class KeyMalformed(SealError):
    """A text is not the recipient, identity or index key that it is given as."""

    name = "key-malformed"


class RecipientsRefused(SealError):
    """No recipients, too many, or hybrid and classical ones together."""

    name = "recipients-refused"


class HeaderMalformed(SealError):
    """The file does not start with an age v1 header."""

    name = "header-malformed"


class HeaderTooLong(HeaderMalformed):
    """The header is longer than any that is written or accepted here."""

    name = "header-too-long"


class VersionUnsupported(HeaderMalformed):
    """An age file of a version other than v1."""

    name = "version-unsupported"


class StanzaMalformed(SealError):
    """A recipient stanza of a type that we know does not have that type's form."""

    name = "stanza-malformed"


class NoIdentityMatches(SealError):
    """None of the given identities opens any of the stanzas."""

    name = "no-identity-matches"


class HeaderTampered(SealError):
    """The MAC of the header does not hold: the header was changed after sealing."""

    name = "header-tampered"


class PayloadTampered(SealError):
    """A chunk does not authenticate: it was changed, moved, or cut somewhere other than at its end."""

    name = "payload-tampered"


class PayloadTruncated(SealError):
    """The payload ends before its final chunk."""

    name = "payload-truncated"


class PayloadTrailing(SealError):
    """Something follows the final chunk."""

    name = "payload-trailing"


class FinalChunkEmpty(SealError):
    """The final chunk is empty though it is not the only one."""

    name = "final-chunk-empty"


class RecordMissing(SealError):
    """The header has no record: another program wrote the file."""

    name = "record-missing"


class RecordTampered(SealError):
    """The record does not open: it was changed, or sealed under another index key."""

    name = "record-tampered"


class RecordMalformed(SealError):
    """The record stanza or the record in it breaks its layout."""

    name = "record-malformed"


class RecordUnsupported(SealError):
    """The record has a version that this program does not know."""

    name = "record-unsupported"


class RecordFieldRefused(SealError):
    """A value does not fit its field of the record, so the object is not sealed."""

    name = "record-field-refused"


class PayloadChanged(SealError):
    """The payload is not the one whose SHA-256 the record states."""

    name = "payload-changed"


class RequestMalformed(SealError):
    """A commitment request breaks its layout, or has a version that this program does not know."""

    name = "request-malformed"


class RequestTampered(SealError):
    """A commitment request does not open: it was changed, or sealed under another index key."""

    name = "request-tampered"


class RequestFieldRefused(SealError):
    """A value does not fit the layout of a commitment request, so it is not sealed."""

    name = "request-field-refused"
