"""A name for each way in which keys and sealed objects are refused.

`name` is the stable word that FORMAT.md and the test vectors use, `part` says of what: the public test vectors of age
tell refusals apart by that much. No message holds a key, plaintext, or a value that was read from an object.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from appliance.base.errors import CryptoError

Part = Literal["key", "armor", "header", "mac", "match", "payload", "record", "facts", "request"]


class SealError(CryptoError):
    """A key or a sealed object is not what FORMAT.md says it should be."""

    name: ClassVar[str] = "seal-error"
    part: ClassVar[Part] = "header"


class KeyMalformed(SealError):
    """A text is not the recipient, identity or index key that it is given as."""

    name = "key-malformed"
    part = "key"


class RecipientsRefused(SealError):
    """No recipients, too many, or hybrid and classical ones together."""

    name = "recipients-refused"
    part = "key"


class PassphraseRefused(SealError):
    """A passphrase that nothing is sealed under: there is none, or it cannot be written as UTF-8."""

    name = "passphrase-refused"
    part = "key"


class KeysMalformed(SealError):
    """What opened is no export of keys, or one of a version that this program does not know."""

    name = "keys-malformed"
    part = "key"


class ArmorMalformed(SealError):
    """The text is not an age file in strict ASCII armor."""

    name = "armor-malformed"
    part = "armor"


class ArmorTruncated(ArmorMalformed):
    """The text ends before the last line of its armor."""

    name = "armor-truncated"


class HeaderMalformed(SealError):
    """The file does not start with an age v1 header."""

    name = "header-malformed"
    part = "header"


class HeaderTooLong(HeaderMalformed):
    """The header is longer than any that is written or accepted here."""

    name = "header-too-long"


class VersionUnsupported(HeaderMalformed):
    """An age file of a version other than v1."""

    name = "version-unsupported"


class StanzaMalformed(SealError):
    """A recipient stanza of a type that we know does not have that type's form."""

    name = "stanza-malformed"
    part = "header"


class WorkFactorRefused(StanzaMalformed):
    """A passphrase stanza asks for more work, and with it memory, than is spent here."""

    name = "work-factor-refused"


class NoIdentityMatches(SealError):
    """None of the given identities opens any of the stanzas."""

    name = "no-identity-matches"
    part = "match"


class HeaderTampered(SealError):
    """The MAC of the header does not hold: the header was changed after sealing."""

    name = "header-tampered"
    part = "mac"


class PayloadTampered(SealError):
    """A chunk does not authenticate: it was changed, moved, or cut somewhere other than at its end."""

    name = "payload-tampered"
    part = "payload"


class PayloadTruncated(SealError):
    """The payload ends before its final chunk."""

    name = "payload-truncated"
    part = "payload"


class PayloadTrailing(SealError):
    """Something follows the final chunk."""

    name = "payload-trailing"
    part = "payload"


class FinalChunkEmpty(SealError):
    """The final chunk is empty though it is not the only one."""

    name = "final-chunk-empty"
    part = "payload"


class RecordMissing(SealError):
    """The header has no record: another program wrote the file."""

    name = "record-missing"
    part = "record"


class RecordTampered(SealError):
    """The record does not open: it was changed, or sealed under another index key."""

    name = "record-tampered"
    part = "record"


class RecordMalformed(SealError):
    """The record stanza or the record in it breaks its layout."""

    name = "record-malformed"
    part = "record"


class RecordUnsupported(SealError):
    """The record has a version that this program does not know."""

    name = "record-unsupported"
    part = "record"


class RecordFieldRefused(SealError):
    """A value does not fit its field of the record, so the object is not sealed."""

    name = "record-field-refused"
    part = "record"


class FactsMalformed(SealError):
    """The facts' stanza, or what is in it, breaks its layout; or there are two."""

    name = "facts-malformed"
    part = "facts"


class FactsTampered(SealError):
    """The facts do not open under the object's own key."""

    name = "facts-tampered"
    part = "facts"


class PayloadChanged(SealError):
    """The payload is not the one whose digest the record states."""

    name = "payload-changed"
    part = "payload"


class RequestMalformed(SealError):
    """A commitment request breaks its layout, or has a version that this program does not know."""

    name = "request-malformed"
    part = "request"


class RequestTampered(SealError):
    """A commitment request does not open: it was changed, or sealed under another index key."""

    name = "request-tampered"
    part = "request"


class RequestFieldRefused(SealError):
    """A value does not fit the layout of a commitment request, so it is not sealed."""

    name = "request-field-refused"
    part = "request"
