from __future__ import annotations

import pytest

from appliance.base.limits import KEY_EXPORT, RECIPIENTS
from appliance.seal.encrypting import encrypt
from appliance.seal.errors import (
    ArmorTruncated,
    HeaderMalformed,
    KeysMalformed,
    NoIdentityMatches,
    PassphraseRefused,
    RecipientsRefused,
)
from appliance.seal.index_key import IndexKey
from appliance.seal.key_export import ExportedKeys, export_keys, read_keys
from appliance.seal.keys import Identity, generate_identity
from appliance.seal.scrypt import ScryptRecipient
from tests.seal import stranger
from tests.seal.objects import CLASSICAL, HYBRID, INDEX_KEY

PASSPHRASE = "correct horse battery staple"
WORK = 10


def sealed_text(text: str) -> bytes:
    return b"".join(encrypt([text.encode()], ScryptRecipient(PASSPHRASE, WORK)))


def texts(keys: ExportedKeys) -> tuple[str, list[str]]:
    return keys.index_key.export(), [identity.export() for identity in keys.identities]


@pytest.mark.parametrize("identities", [[], [HYBRID], [CLASSICAL, HYBRID]], ids=["none", "one", "two"])
def test_there_and_back(identities: list[Identity]) -> None:
    file = export_keys(identities, INDEX_KEY, PASSPHRASE, WORK)
    assert texts(read_keys(file, PASSPHRASE)) == (INDEX_KEY.export(), [each.export() for each in identities])
    with pytest.raises(NoIdentityMatches, match="passphrase"):
        read_keys(file, PASSPHRASE + " ")


def test_the_text_is_an_identity_file_of_age() -> None:
    text = stranger.plaintext(export_keys([CLASSICAL, HYBRID], INDEX_KEY, PASSPHRASE, WORK), PASSPHRASE).decode()
    lines = text.splitlines()
    assert text.endswith("\n")
    assert lines[0] == "# pacs-appliance keys 1"
    assert [line for line in lines if not line.startswith("#")] == [CLASSICAL.export(), HYBRID.export()]
    assert f"# recipient: {HYBRID.recipient}" in lines


def test_the_file_shows_no_key() -> None:
    file = export_keys([CLASSICAL], INDEX_KEY, PASSPHRASE, WORK)
    assert file.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
    for key in (CLASSICAL.export(), INDEX_KEY.export(), str(CLASSICAL.recipient)):
        assert key.encode() not in file
    assert CLASSICAL.export() not in repr(read_keys(file, PASSPHRASE))


def test_as_many_identities_as_there_may_be_recipients() -> None:
    many = [generate_identity() for _ in range(RECIPIENTS.ceiling)]
    file = export_keys(many, INDEX_KEY, PASSPHRASE, WORK)
    assert len(read_keys(file, PASSPHRASE).identities) == len(many)
    with pytest.raises(RecipientsRefused):
        export_keys([*many, HYBRID], INDEX_KEY, PASSPHRASE, WORK)


def test_comments_and_empty_lines_of_a_person_are_passed_over() -> None:
    text = f"# pacs-appliance keys 1\n\n# mine\n# index key: {INDEX_KEY.export()}\n#\n{HYBRID.export()}\n\n"
    assert texts(read_keys(sealed_text(text), PASSPHRASE)) == (INDEX_KEY.export(), [HYBRID.export()])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HYBRID.export() + "\n",
        "# pacs-appliance keys 1\n" + HYBRID.export() + "\n",
        f"# pacs-appliance keys 1\r\n# index key: {INDEX_KEY.export()}\r\n",
        f"# pacs-appliance keys 1\n# index key: {INDEX_KEY.export()}\n# ä\n",
        f"# pacs-appliance keys 1\n# index key: {INDEX_KEY.export()}\n" + "#" * KEY_EXPORT.default + "\n",
        f"# pacs-appliance keys 1\n# index key: {INDEX_KEY.export()}\n" + (HYBRID.export() + "\n") * 33,
    ],
    ids=["empty", "line", "identity", "no index key", "crlf", "not ascii", "long", "many"],
)
def test_what_is_no_export(text: str) -> None:
    with pytest.raises(KeysMalformed):
        read_keys(sealed_text(text), PASSPHRASE)


def test_files_that_are_no_age_files_or_cut() -> None:
    file = export_keys([], INDEX_KEY, PASSPHRASE, WORK)
    with pytest.raises(HeaderMalformed):
        read_keys(b"", PASSPHRASE)
    with pytest.raises(ArmorTruncated):
        read_keys(file[:-10], PASSPHRASE)


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(PassphraseRefused):
        export_keys([], IndexKey.generate(), "", WORK)
