"""What is fuzzed: parsers of bytes that a stranger chose. Each target takes bytes and raises when its invariant breaks.

The first sentence of a target's docstring is its invariant. What a parser may raise is caught by its target; anything
else that comes out, an AssertionError of ours included, is a finding.
"""

from __future__ import annotations

from tests.fuzz import association, certificates, facts, instances, replay, respond, sealed, sensor, texts
from tests.fuzz.target import Target

__all__ = ["TARGETS", "Target"]

TARGETS: tuple[Target, ...] = (
    *association.TARGETS,
    *certificates.TARGETS,
    *facts.TARGETS,
    *instances.TARGETS,
    *replay.TARGETS,
    *respond.TARGETS,
    *sealed.TARGETS,
    *sensor.TARGETS,
    *texts.TARGETS,
)
