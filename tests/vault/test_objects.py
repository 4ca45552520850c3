from __future__ import annotations

import pytest

from appliance.vault.objects import Objects
from appliance.vault.refusals import AlreadyThere, Condition, DiskRefused, NotThere
from tests.vault.media import Recording
from tests.vault.samples import HEAD, Vault


def test_only_names_of_objects_are_waiting(vault: Vault) -> None:
    object_id = vault.store()
    for name in ("lost+found", "x.tmp", f"{object_id}.request"):
        (vault.layout.incoming / name).touch()
    assert vault.objects.waiting() == [object_id]


def test_linking_again_after_a_cut_is_harmless(vault: Vault) -> None:
    object_id = vault.store(b"data set")
    with vault.objects.open_waiting(object_id) as file:
        vault.objects.link(object_id, file)
        vault.objects.link(object_id, file)
    vault.objects.leave_incoming([object_id, object_id])
    assert vault.files() == {f"objects/{object_id[:2]}/{object_id}.dcm.age"}
    assert vault.plaintext(object_id) == HEAD + b"data set"


def test_a_taken_id_is_not_overwritten(vault: Vault) -> None:
    object_id, other = vault.store(), vault.store()
    vault.layout.object_file(object_id).write_bytes(b"another file")
    with vault.objects.open_waiting(other) as file, pytest.raises(AlreadyThere):
        vault.objects.link(object_id, file)
    assert vault.layout.object_file(object_id).read_bytes() == b"another file"


def test_one_flush_a_directory(vault: Vault) -> None:
    disk = Recording()
    Objects(vault.layout, disk).settle(["aa" * 16, "ab" * 16, "aa" + "00" * 15, "ab" + "11" * 15])
    assert disk.transcript == [("sync directory", "objects")] * 2


def test_removal_is_durable_and_repeatable(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    disk = Recording()
    objects = Objects(vault.layout, disk)
    objects.remove([object_id])
    assert disk.transcript == [("unlink", "objects"), ("sync directory", "objects")]
    objects.remove([object_id])
    assert not objects.holds(object_id)
    with pytest.raises(NotThere):
        objects.open(object_id)


def test_setting_aside_never_overwrites(vault: Vault) -> None:
    object_id = "ab" * 16
    for content in (b"first", b"second"):
        vault.layout.incoming_file(object_id).write_bytes(content)
        vault.objects.set_aside_waiting(object_id)
    name = f"{object_id}.dcm.age"
    assert vault.objects.quarantined() == [name, f"{name}.1"]
    assert (vault.layout.quarantine / f"{name}.1").read_bytes() == b"second"


def test_setting_aside_makes_the_new_name_durable_first(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    disk = Recording()
    Objects(vault.layout, disk).set_aside(object_id)
    assert disk.transcript == [
        ("rename", f"{object_id[:2]} to quarantine"),
        ("sync directory", "quarantine"),
        ("sync directory", "objects"),
    ]


def test_an_object_is_not_missing_where_the_whole_file_system_is(vault: Vault) -> None:
    object_id = vault.store()
    vault.adopt()
    elsewhere = vault.layout.objects.with_name("elsewhere")
    vault.layout.objects.rename(elsewhere)
    for look in (vault.objects.open, vault.objects.holds, vault.adoption.verify):
        with pytest.raises(DiskRefused) as caught:
            look(object_id)
        assert caught.value.condition is Condition.MISSING and not isinstance(caught.value, NotThere)
    assert vault.ledger.state(object_id) == "present"
    elsewhere.rename(vault.layout.objects)
    vault.layout.object_file(object_id).unlink()
    with pytest.raises(NotThere):
        vault.objects.open(object_id)
    assert not vault.objects.holds(object_id)
