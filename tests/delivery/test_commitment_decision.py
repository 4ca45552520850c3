"""What is committed to: what is there, whole, and of the class that was named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.delivery.commitment_decision import Decision
from appliance.upper_layer.commitment import CLASS_INSTANCE_CONFLICT, NO_SUCH_INSTANCE, PROCESSING_FAILURE
from appliance.vault.adoption import Adopted, Adoption, Fate
from appliance.vault.commitments import Commitments
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from tests.delivery.vaults import CT, MR, State

A, B = "1.2.3.4", "1.2.3.5"


class Asked(Medium):
    """Counts how often the page cache was dropped."""

    dropped = 0

    def drop_cache(self, descriptor: int) -> None:
        self.dropped += 1
        super().drop_cache(descriptor)


class Scene:
    def __init__(self, root: Path) -> None:
        self.state = State(root / "state")
        self.medium = Asked()
        self.objects = Objects(self.state.layout, self.medium)
        self.ledger = Ledger(self.state.layout.ledger)
        self.adoption = Adoption(self.objects, self.ledger, self.state.index_key, lambda _: ("pacs",))
        self.told: list[Adopted] = []
        self.decision = Decision(self.adoption, Commitments(self.ledger, self.state.index_key), self.told.extend)

    def put(self, uid: str, **more: str) -> str:
        object_id = self.state.put(uid=uid, **more)  # type: ignore[arg-type]
        self.adoption.adopt([object_id], time.time())
        return object_id

    def reasons(self, *references: tuple[str, str]) -> list[int] | None:
        return self.decision.reasons(references, lambda: False)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.ledger.close()


def test_what_is_here_is_committed_and_was_read_from_the_medium(scene: Scene) -> None:
    scene.put(A)
    scene.put(B, sop_class=MR)
    assert scene.reasons((CT, A), (MR, B), (CT, A)) == [0, 0, 0]
    assert scene.medium.dropped == 2, "each instance once"
    assert not scene.decision.missing([(CT, A), (MR, B)])


def test_an_unknown_instance_and_another_class_are_told_apart(scene: Scene) -> None:
    scene.put(A)
    assert scene.reasons((CT, B), (MR, A), (CT, A)) == [NO_SUCH_INSTANCE, CLASS_INSTANCE_CONFLICT, 0]
    assert scene.decision.missing([(CT, A), (CT, B)])


def test_a_damaged_object_is_set_aside_and_not_committed(scene: Scene) -> None:
    object_id = scene.put(A)
    path = scene.state.layout.object_file(object_id)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert scene.reasons((CT, A)) == [PROCESSING_FAILURE]
    assert [found.fate for found in scene.told] == [Fate.SET_ASIDE]
    assert scene.ledger.state(object_id) == "quarantined"
    assert scene.reasons((CT, A)) == [PROCESSING_FAILURE], "and it is still known why"


def test_an_object_whose_file_is_gone_is_no_such_instance(scene: Scene) -> None:
    object_id = scene.put(A)
    scene.state.layout.object_file(object_id).unlink()
    assert scene.reasons((CT, A)) == [NO_SUCH_INSTANCE]
    assert [found.fate for found in scene.told] == [Fate.LOST]


def test_of_two_contents_of_one_instance_both_must_be_whole(scene: Scene) -> None:
    scene.put(A)
    second = scene.put(A)
    assert scene.reasons((CT, A)) == [0]
    path = scene.state.layout.object_file(second)
    path.write_bytes(path.read_bytes()[:-5])
    assert scene.reasons((CT, A)) == [PROCESSING_FAILURE]


def test_what_was_delivered_and_forgotten_is_none_of_ours(scene: Scene) -> None:
    object_id = scene.put(A)
    scene.ledger.delivered(object_id, "pacs", 0, 1.0)
    scene.ledger.leave([object_id])
    assert scene.reasons((CT, A)) == [NO_SUCH_INSTANCE]
    scene.ledger.forget(object_id)
    assert scene.reasons((CT, A)) == [NO_SUCH_INSTANCE]


def test_told_to_stop_it_decides_nothing(scene: Scene) -> None:
    scene.put(A)
    assert scene.decision.reasons([(CT, A)], lambda: True) is None
