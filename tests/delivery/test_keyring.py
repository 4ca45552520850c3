"""Which identities are taken, and what is there before and after."""

from __future__ import annotations

import pytest

from appliance.base.errors import ConfigError
from appliance.delivery.keyring import Keyring, Locked
from appliance.seal.keys import generate_identity

BOX, OLD, RECOVERY, OTHER = (generate_identity("classical") for _ in range(4))
SEALED_TO = (str(BOX.recipient), str(RECOVERY.recipient))


def test_what_is_there_from_the_start() -> None:
    keyring = Keyring(SEALED_TO, [BOX, OLD], lockable=False)
    assert keyring.state == "open"
    assert keyring.identities == (BOX, OLD)
    assert keyring.recipients == (str(BOX.recipient), str(OLD.recipient))


def test_a_box_without_an_identity_says_so() -> None:
    keyring = Keyring(SEALED_TO, lockable=False)
    assert (keyring.state, keyring.recipients) == ("absent", ())
    with pytest.raises(Locked):
        _ = keyring.identities


def test_locked_unlocked_and_locked_again() -> None:
    keyring = Keyring(SEALED_TO, lockable=True)
    assert keyring.state == "locked"
    with pytest.raises(Locked, match="appliance unlock"):
        _ = keyring.identities
    keyring.unlock([BOX, OLD])
    assert (keyring.state, keyring.identities) == ("open", (BOX, OLD))
    keyring.unlock([BOX])
    assert keyring.identities == (BOX,)
    keyring.lock()
    assert (keyring.state, keyring.recipients) == ("locked", ())
    keyring.lock()
    assert keyring.state == "locked"


@pytest.mark.parametrize("given", [[], [OTHER], [OTHER, OLD]])
def test_what_opens_nothing_from_now_on_is_refused_and_what_was_there_stays(given: list) -> None:  # type: ignore[type-arg]
    keyring = Keyring(SEALED_TO, lockable=True)
    for state in ("locked", "open"):
        with pytest.raises(ConfigError, match="not among recipients") as refusal:
            keyring.unlock(given)
        assert "SECRET" not in str(refusal.value)
        assert keyring.state == state
        keyring.unlock([BOX])
    assert keyring.identities == (BOX,)


def test_what_does_not_come_by_unlock_is_neither_given_nor_taken() -> None:
    for identities in ([BOX], []):
        keyring = Keyring(SEALED_TO, identities, lockable=False)
        before = keyring.state
        for act in (keyring.lock, lambda keyring=keyring: keyring.unlock([BOX])):
            with pytest.raises(ConfigError, match='identity = "unlock"'):
                act()
        assert keyring.state == before


def test_it_shows_no_secret() -> None:
    keyring = Keyring(SEALED_TO, [BOX], lockable=True)
    assert "SECRET" not in repr(keyring) + str(keyring) + repr(vars(keyring))
