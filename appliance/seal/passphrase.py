"""How good a passphrase must be before secret keys are put under it. Pure; repeats nothing of it."""

from __future__ import annotations

from appliance.base.limits import PASSPHRASE
from appliance.seal.errors import PassphraseRefused

_DIFFERENT = 8


def check_strength(passphrase: str) -> None:
    """Refuse what can be guessed by who has the file and time; raises `PassphraseRefused`.

    A rule that a person can follow, not an estimate: no rule tells a quotation from random words.
    """
    if len(passphrase) < PASSPHRASE.floor or len(set(passphrase)) < _DIFFERENT:
        raise PassphraseRefused(
            f"the passphrase is too easy to guess: {PASSPHRASE.floor} characters are the least, {_DIFFERENT} of them "
            "different",
            fix="Take five random words, or what `openssl rand -base64 18` prints, and keep it on paper.",
        )
