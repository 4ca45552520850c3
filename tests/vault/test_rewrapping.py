from __future__ import annotations

import os
import random
from dataclasses import replace as replaced
from pathlib import Path

import pytest

from appliance.seal import record, stream
from appliance.seal.errors import HeaderTampered, PayloadChanged, RecordTampered, SealError
from appliance.seal.header import encode_header, mac_key, read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Identity, generate_identity, unwrap_file_key
from appliance.seal.opening import Opening
from appliance.seal.rewrap import rewrap
from appliance.vault.objects import Objects
from appliance.vault.recovery import recover
from appliance.vault.refusals import DiskRefused
from appliance.vault.rewrapping import PART_SUFFIX, remove_parts, replace_header
from tests.vault import kills
from tests.vault.media import Recording
from tests.vault.samples import IDENTITY, INDEX_KEY, NOW, Vault

NEW = generate_identity("classical")


def stored(vault: Vault, count: int = 1, size: int = 3000) -> list[str]:
    object_ids = [vault.store(bytes([number % 256]) * size, str(number)) for number in range(count)]
    vault.adopt()
    return object_ids


def header(vault: Vault, object_id: str, new: Identity = NEW) -> bytes:
    with vault.objects.open(object_id) as file:
        return rewrap(read_header(file), [IDENTITY], [new.recipient])


def replace(vault: Vault, object_id: str, given: bytes, objects: Objects | None = None) -> bool:
    return replace_header(objects or vault.objects, vault.ledger, INDEX_KEY, object_id, given)


def opens(vault: Vault, object_id: str, *identities: Identity) -> bytes:
    with vault.objects.open(object_id) as file:
        return b"".join(bytes(chunk) for chunk in Opening(file, identities))


def parts(vault: Vault) -> list[str]:
    return [path.name for path in vault.layout.objects.rglob(f"*{PART_SUFFIX}")]


def test_the_new_recipient_opens_it_and_the_old_one_does_not(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    (object_id,) = stored(vault, size=3 << 20)
    plain = vault.plaintext(object_id)
    with monkeypatch.context() as patched:
        patched.setattr(stream, "ChaCha20Poly1305", None)  # no chunk can be opened meanwhile
        with pytest.raises(TypeError):
            vault.plaintext(object_id)
        assert replace(vault, object_id, header(vault, object_id))
    assert opens(vault, object_id, NEW) == plain
    with pytest.raises(SealError):
        opens(vault, object_id, IDENTITY)
    assert vault.adoption.verify(object_id) == vault.ledger.record(object_id)
    assert list(recover(vault.adoption, NOW, compare=True))[-1].fates == []
    assert parts(vault) == []


def test_the_order_of_a_rewrap(vault: Vault) -> None:
    (object_id,) = stored(vault)
    disk = Recording()
    replace(vault, object_id, header(vault, object_id), Objects(vault.layout, disk))
    assert disk.transcript == [
        ("create", object_id[:2]),
        ("write", "header"),
        ("write", "payload"),
        ("sync data", ""),
        ("link", vault.root.name),
        ("rename", f"objects to {object_id[:2]}"),
        ("sync directory", "objects"),
    ]


@pytest.mark.parametrize("operation", ["create", "write", "sync data", "link", "rename"])
def test_what_fails_leaves_the_object_as_it_was(vault: Vault, operation: str) -> None:
    (object_id,) = stored(vault)
    plain = vault.plaintext(object_id)
    disk = Recording()
    disk.fail(operation)
    with pytest.raises(DiskRefused):
        replace(vault, object_id, header(vault, object_id), Objects(vault.layout, disk))
    assert vault.plaintext(object_id) == plain
    list(recover(vault.adoption, NOW))
    assert parts(vault) == []
    assert replace(vault, object_id, header(vault, object_id))


def test_a_part_of_a_run_that_was_cut_off_is_in_nobodys_way(vault: Vault) -> None:
    (object_id,) = stored(vault)
    (vault.layout.objects / (object_id + PART_SUFFIX)).write_bytes(b"cut off")
    assert replace(vault, object_id, header(vault, object_id))
    assert parts(vault) == []
    (vault.layout.objects / (object_id + PART_SUFFIX)).write_bytes(b"cut off")
    assert remove_parts(vault.objects) == 1


def test_a_header_that_is_not_the_objects_own_is_refused(vault: Vault) -> None:
    first, second = stored(vault, 2)
    plain = vault.plaintext(first)
    with vault.objects.open(first) as file:
        forged = encode_header(list(read_header(file).stanzas), b"k" * 32)
    for given, error in (
        (header(vault, second), RecordTampered),
        (forged, HeaderTampered),
        (header(vault, first) + b"x", RecordTampered),
        (b"junk", SealError),
    ):
        with pytest.raises(error):
            replace(vault, first, given)
    with pytest.raises(SealError):
        replace_header(vault.objects, vault.ledger, IndexKey(bytes(32)), first, header(vault, first))
    assert vault.plaintext(first) == plain
    assert parts(vault) == []


def test_a_header_under_another_file_key_or_with_another_record_is_refused(vault: Vault) -> None:
    """Both are well made, and would cost the object: nobody could open it, or it would say what it is not."""
    (object_id,) = stored(vault)
    known = vault.ledger.record(object_id)
    assert known
    with vault.objects.open(object_id) as file:
        file_key = unwrap_file_key(read_header(file), [IDENTITY])
    for key, says in ((b"f" * 16, known), (file_key, replaced(known, modality="MR"))):
        stanza = record.seal(says, mac_key(key), INDEX_KEY, bytes(32))
        with pytest.raises(RecordTampered):
            replace(vault, object_id, encode_header([NEW.recipient.wrap(key, os.urandom), stanza], mac_key(key)))
    assert vault.plaintext(object_id)


def test_a_payload_that_was_changed_is_not_copied(vault: Vault) -> None:
    (object_id,) = stored(vault)
    given = header(vault, object_id)
    path = vault.layout.object_file(object_id)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PayloadChanged):
        replace(vault, object_id, given)
    assert path.read_bytes() == content
    assert parts(vault) == []


def test_what_leaves_meanwhile_does_not_come_back(vault: Vault) -> None:
    (object_id,) = stored(vault)
    given = header(vault, object_id)
    vault.ledger.delivered(object_id, "pacs", 0, NOW)

    class Leaving(Recording):
        """Between the copy and the rename it is evicted."""

        def link(self, descriptor: int, path: Path | str) -> None:
            super().link(descriptor, path)
            assert vault.ledger.leave([object_id]) == [object_id]
            vault.objects.remove([object_id])

    assert not replace(vault, object_id, given, Objects(vault.layout, Leaving()))
    assert vault.files() == set()
    assert not replace(vault, object_id, given)


@pytest.mark.slow
def test_killed_at_random_every_object_opens_with_the_old_or_the_new_identity(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "state")
    print(kills.rewrap(vault, 300, 40, (0.002, 0.03), random.Random(5)))
