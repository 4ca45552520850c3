"""What changed between two configurations, and what of it a running program cannot take up before it starts again.

Pure. A program goes on with the values that it started with where those cannot change under it, and with the new ones
everywhere else; so what is in force is one configuration, whole, and what waits for a restart can be named.
"""

from __future__ import annotations

from typing import Any

from appliance.config.model import Config
from appliance.config.section import Section

# By program: what it opened or read at its start and holds on to. Of a whole section, that it is there.
AT_START: dict[str, tuple[str, ...]] = {
    "receive": (
        "appliance.state_dir",
        "appliance.runtime_dir",
        "receive.listen",
        "receive.listen_plain",
        "vault.index_key",
    ),
    "forward": ("appliance.state_dir", "appliance.runtime_dir", "vault.index_key", "vault.identity"),
    "sensor": ("appliance.state_dir", "appliance.runtime_dir", "sensor.interface"),
    "respond": ("appliance.state_dir", "appliance.runtime_dir", "sensor"),
    "panel": ("appliance.state_dir", "appliance.runtime_dir", "panel.metrics"),
}
_TLS_FILES = ("certificate", "key", "client_ca", "client_crl")


def changed(before: Config, after: Config) -> tuple[str, ...]:
    """The sections that differ, as they are written: "[receive]", "[[peer]]"."""
    return tuple(
        f"[[{name}]]" if isinstance(getattr(after, name), tuple) else f"[{name}]"
        for name in Config.model_fields
        if getattr(before, name) != getattr(after, name)
    )


def take_up(before: Config, after: Config, program: str) -> tuple[Config, tuple[str, ...]]:
    """What `program`, which runs with `before`, may put in force of `after`, and the keys for which it has to start
    again."""
    kept: list[str] = []
    for key in AT_START[program]:
        section, _, name = key.partition(".")
        ours, theirs = getattr(before, section), getattr(after, section)
        if ours is None or theirs is None:
            if ours is not theirs:
                kept.append(section)
                after = after.model_copy(update={section: ours})
            continue
        if name and getattr(ours, name) != getattr(theirs, name):
            kept.append(key)
            after = after.model_copy(update={section: theirs.model_copy(update={name: getattr(ours, name)})})
    return _whole(before, after) if "receive.listen" in kept else after, tuple(kept)


def _whole(before: Config, after: Config) -> Config:
    """A TLS listener that stays open needs the files of TLS, which the new configuration may have no more."""
    ours, theirs = before.receive, after.receive
    if not theirs.listen or all((theirs.certificate, theirs.key, theirs.client_ca)):
        return after
    files: dict[str, Any] = {name: getattr(ours, name) for name in _TLS_FILES}
    receive: Section = theirs.model_copy(update=files)
    return after.model_copy(update={"receive": receive})
