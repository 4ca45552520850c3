"""All scenes, a family of rules a file. Importing them fills `scene.SCENES`."""

from tests.sensor_lab.scenes import (  # noqa: F401
    behaviour,
    borders,
    calm,
    content,
    crypto,
    identity,
    link,
    protocol,
    roles,
    sensor,
)
