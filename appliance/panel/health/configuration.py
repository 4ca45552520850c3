"""Is the configuration in force the one in the file?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_FIX = "Run `appliance check`, mend the file, and save it; until then the old configuration is in force."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each program that kept an old configuration: it says why in `config_error`."""
    errors = {name: said.get("config_error", "") for name, said in facts.programs.items()}
    errors["panel"] = facts.configuration_error
    broken = {name: error for name, error in errors.items() if error}
    for name, error in broken.items():
        yield Finding(
            "configuration", name, Level.ALARM, f"did not take the changed file: {error}", _FIX, lamps=("alarm:alarm",)
        )
    if not broken:
        yield Finding("configuration", "file", Level.OK, "is in force")
