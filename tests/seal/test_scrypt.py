from __future__ import annotations

import pytest

from appliance.base.errors import ConfigError, LocalError
from appliance.base.limits import SCRYPT_WORK
from appliance.seal import scrypt
from appliance.seal.errors import NoIdentityMatches, PassphraseRefused, StanzaMalformed, WorkFactorRefused
from appliance.seal.header import Stanza, encode_base64
from appliance.seal.scrypt import ScryptIdentity, ScryptRecipient, check_alone
from tests.seal.objects import CLASSICAL, drawn, secret

FILE_KEY = secret("file key")[:16]
STANZA = ScryptRecipient("passphrase", SCRYPT_WORK.floor).wrap(FILE_KEY, drawn("scrypt"))


def test_wraps_and_unwraps() -> None:
    assert STANZA.arguments == ("scrypt", encode_base64(drawn("scrypt")(16)), "10")
    assert len(STANZA.body) == 32
    assert ScryptIdentity("passphrase").unwrap([STANZA]) == FILE_KEY
    assert ScryptIdentity("Passphrase").unwrap([STANZA]) is None


def test_other_stanzas_are_not_its_own() -> None:
    other = CLASSICAL.recipient.wrap(FILE_KEY, drawn("other"))
    assert ScryptIdentity("passphrase").unwrap([other]) is None
    assert ScryptIdentity("passphrase").unwrap([other, other]) is None
    assert ScryptIdentity("passphrase").unwrap([]) is None


def test_stands_alone() -> None:
    other = CLASSICAL.recipient.wrap(FILE_KEY, drawn("other"))
    check_alone([STANZA])
    check_alone([other, other])
    for stanzas in ([STANZA, other], [other, STANZA], [STANZA, STANZA]):
        with pytest.raises(StanzaMalformed):
            check_alone(stanzas)
        with pytest.raises(StanzaMalformed):
            ScryptIdentity("passphrase").unwrap(stanzas)


def test_the_work_factor_of_a_stranger_is_bounded_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[int] = []
    monkeypatch.setattr(scrypt, "_derive", lambda _p, _s, work: worked.append(work) or bytes(32))
    for work in (21, 22, 63, 99, 100, 999, 10**20, 10**4299):
        stanza = Stanza((*STANZA.arguments[:2], "1" * 5000 if work == 10**4299 else str(work)), STANZA.body)
        with pytest.raises(WorkFactorRefused) as refusal:
            ScryptIdentity("passphrase").unwrap([stanza])
        assert refusal.value.fix
    assert worked == []
    for work in (1, 18, 20):
        ScryptIdentity("passphrase").unwrap([Stanza((*STANZA.arguments[:2], str(work)), STANZA.body)])
    assert worked == [1, 18, 20]
    with pytest.raises(WorkFactorRefused):
        ScryptIdentity("passphrase", 17).unwrap([Stanza((*STANZA.arguments[:2], "18"), STANZA.body)])


@pytest.mark.parametrize("work", [SCRYPT_WORK.floor - 1, SCRYPT_WORK.ceiling + 1])
def test_the_work_factor_that_is_written_is_bounded(work: int) -> None:
    with pytest.raises(ConfigError, match="scrypt work factor"):
        ScryptRecipient("passphrase", work)


def test_what_age_writes_is_written_unless_asked() -> None:
    assert SCRYPT_WORK.default == 18


def test_passphrases_that_nothing_is_sealed_under() -> None:
    with pytest.raises(PassphraseRefused):
        ScryptRecipient("")
    for make in (ScryptRecipient, ScryptIdentity):
        with pytest.raises(PassphraseRefused):
            make("\udc80")


def test_memory_that_is_not_there_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def __init__(self, **_arguments: object) -> None:
            raise MemoryError

    monkeypatch.setattr(scrypt, "Scrypt", Refused)
    with pytest.raises(LocalError, match="256 MiB"):
        ScryptIdentity("passphrase").unwrap([Stanza((*STANZA.arguments[:2], "18"), STANZA.body)])


def test_nothing_shows_a_passphrase() -> None:
    for each in (ScryptRecipient("passphrase", 10), ScryptIdentity("passphrase")):
        assert "passphrase" not in repr(each) + str(each)
    assert "passphrase" not in str(NoIdentityMatches("x"))
