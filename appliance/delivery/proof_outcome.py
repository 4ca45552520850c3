"""What a commitment report that calls an instance failed makes of it: sent again, asked for again, or held. Pure."""

from __future__ import annotations

from appliance.upper_layer.commitment import DUPLICATE_TRANSACTION, NO_SUCH_INSTANCE
from appliance.vault.proofs import Sequel

# Failure Reasons of PS3.3 C.14.1.1.
_WORDS = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class-instance conflict",
    0x0122: "referenced SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}


def judge_failure(reason: int, missed: int) -> tuple[Sequel, str]:
    """The sequel of a Failure Reason, and the words for a hold. `missed`: how often it was said before that the
    instance is not there. One that got lost is sent again, once; a duplicate transaction is a fault of the question."""
    if reason == NO_SUCH_INSTANCE and not missed:
        return Sequel.RESEND, ""
    if reason == DUPLICATE_TRANSACTION:
        return Sequel.ASK, ""
    again = ", and again after it was sent anew" if reason == NO_SUCH_INSTANCE else ""
    words = _WORDS.get(reason, "a reason that no table lists")
    return Sequel.HOLD, f"it stored this and does not commit to it: 0x{reason:04X}, {words}{again}"
