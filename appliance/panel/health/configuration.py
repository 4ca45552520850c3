"""Is the configuration in force the one in the file?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_MEND = "Run `appliance check`, mend the file, and save it; until then the old configuration is in force."
_RESTART = "When no study is on its way: systemctl restart {units}; until then the old values count."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each reason why programs kept an old configuration, or wait for a restart with a part of it."""
    said = {**{name: words for name, words in facts.programs.items() if words.get("state") == "ok"}, "panel": facts.own}
    errors: dict[str, list[str]] = {}
    restarts: dict[str, list[str]] = {}
    for name, words in said.items():
        if error := words.get("config_error"):
            errors.setdefault(error, []).append(name)
        if keys := ", ".join((words.get("config") or {}).get("restart", ())):
            restarts.setdefault(keys, []).append(name)
    for error, names in errors.items():
        what = f"did not take the changed file: {error}"
        yield Finding("configuration", ", ".join(names), Level.ALARM, what, _MEND, lamps=("alarm:alarm",))
    for keys, names in restarts.items():
        fix = _RESTART.format(units=" ".join(f"appliance-{name}" for name in names))
        what = f"did not take up {keys}, which takes a restart"
        yield Finding("configuration", ", ".join(names), Level.WARN, what, fix, lamps=("alarm:notice",))
    if not errors and not restarts:
        yield Finding("configuration", "configuration", Level.OK, "is in force")
