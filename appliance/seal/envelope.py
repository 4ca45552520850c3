"""An envelope: a fresh file key and the stanzas that give it to the recipients (age v1, header).

It is all of an object that does not depend on what the object will hold, so it can be made while nothing else is to be
done. An envelope serves one object only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from appliance.seal import facts
from appliance.seal.header import begin_header, mac_key
from appliance.seal.keys import Recipient, check_recipients

FILE_KEY = 16


class Envelope:
    """For one object. Raises `RecipientsRefused`. `random` gives the file key and ephemeral secrets, in this order."""

    __slots__ = ("facts_key", "file_key", "header", "header_key")

    def __init__(self, recipients: Sequence[Recipient], random: Callable[[int], bytes] = os.urandom) -> None:
        check_recipients(recipients)
        self.file_key = random(FILE_KEY)
        self.header_key = mac_key(self.file_key)
        self.facts_key = facts.facts_key(self.file_key)
        self.header = begin_header([recipient.wrap(self.file_key, random) for recipient in recipients])
        """What the object's header begins with."""

    def __repr__(self) -> str:
        return "Envelope(…)"
