"""An identity that is there, locked, missing, or not needed."""

from __future__ import annotations

import pytest

from appliance.panel.health.finding import Level
from appliance.panel.health.identity import check
from tests.panel.health.given import facts, said


@pytest.mark.parametrize(
    ("state", "waits", "level", "lamps"),
    [
        ("open", False, Level.OK, ()),
        ("locked", False, Level.OK, ()),
        ("absent", False, Level.OK, ()),
        ("locked", True, Level.WARN, ("backlog:locked",)),
        ("absent", True, Level.ALARM, ("backlog:locked", "alarm:alarm")),
    ],
)
def test_each_state(state: str, waits: bool, level: Level, lamps: tuple[str, ...]) -> None:
    identity = {"source": "file:/key", "state": state, "lamp": "backlog" if waits else ""}
    (found,) = check(facts(programs={"forward": said(identity=identity)}))
    assert (found.level, found.lamps) == (level, lamps)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("file:/key", "Theft: not protected; the identity lies on the disk of this box"),
        ("unlock", "Theft: protected; a person gives the identity after each start"),
        ("credential:identity", "Theft: the disk alone is protected where the credential is bound to a TPM"),
        (None, "Theft: protected; this box opens nothing"),
    ],
)
def test_it_says_what_a_thief_gets(source: str | None, words: str) -> None:
    identity = {"source": source, "state": "open" if source else "absent", "lamp": ""}
    (found,) = check(facts(programs={"forward": said(identity=identity)}))
    assert found.what.endswith(words)


def test_a_forward_that_says_nothing_of_it() -> None:
    assert not list(check(facts(programs={"forward": said()})))
