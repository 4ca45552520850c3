from __future__ import annotations

import pynetdicom.sop_class
import pytest
from pydicom.uid import UID_dictionary

from appliance.routing.sop_classes import VERIFICATION, is_storage


def test_every_storage_class_of_the_registry_is_storage() -> None:
    assert pynetdicom.sop_class._STORAGE_CLASSES
    for uid in pynetdicom.sop_class._STORAGE_CLASSES.values():
        assert is_storage(uid), uid


def test_no_other_service_class_of_the_registry_is_storage() -> None:
    for name, entry in UID_dictionary.items():
        words, kind = entry[0], entry[1]
        if kind in ("SOP Class", "Meta SOP Class") and "Storage" not in words and words:
            assert not is_storage(name), name


def test_classes_that_are_named_storage_are_storage_but_for_media_and_commitment() -> None:
    others = {"1.2.840.10008.1.3.10", "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.2"}
    for name, entry in UID_dictionary.items():
        if entry[1] == "SOP Class" and "Storage" in entry[0] and name not in others:
            assert is_storage(name), name


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (VERIFICATION, False),
        ("1.3.46.670589.11.0.0.12.1", True),  # a private class of a vendor
        ("1.2.840.10008.5.1.4.1.1.999.1", True),  # next year's
        ("1.2.840.10008.5.1.4.1.2.2.1", False),  # Study Root FIND
        ("1.2.840.10008.5.1.4.31", False),  # Modality Worklist
        ("1.2.840.10008.1.20.1", False),
    ],
)
def test_the_rule(uid: str, expected: bool) -> None:
    assert is_storage(uid) is expected
