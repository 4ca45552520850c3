"""Another header for a payload that stays as it is: new recipients, the same file key, the same facts and record.

Owns which parts of a header are kept. Takes header and identities, never a payload, so nothing is decrypted that a
patient's data is in, and nothing needs the index key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from appliance.seal import facts, record
from appliance.seal.errors import RecordMalformed, RecordMissing
from appliance.seal.header import Header, encode_header, mac_key
from appliance.seal.keys import Identity, Recipient, check_recipients, unwrap_file_key


def rewrap(
    header: Header,
    identities: Iterable[Identity],
    recipients: Sequence[Recipient],
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """The header that gives the object to `recipients` and to nobody else; the payload follows it unchanged.

    Its length follows from the recipients, so the payload may begin elsewhere than before. Raises `RecipientsRefused`;
    what `unwrap_file_key` raises; `RecordMissing` or `RecordMalformed` for what is no object of ours.
    """
    check_recipients(recipients)
    file_key = unwrap_file_key(header, identities)
    records = [stanza for stanza in header.stanzas if stanza.type == record.TYPE]
    if not records:
        raise RecordMissing("the object has no record", fix="It was not sealed by an appliance.")
    if len(records) > 1:
        raise RecordMalformed("the object has more than one record")
    # The keys of the header's MAC, of the facts and of the payload hang on the file key alone, so the record that
    # states the first and the digest of the last stays true, and both stanzas are copied as they are.
    kept = [stanza for stanza in header.stanzas if stanza.type == facts.TYPE] + records
    return encode_header([*(each.wrap(file_key, random) for each in recipients), *kept], mac_key(file_key))
