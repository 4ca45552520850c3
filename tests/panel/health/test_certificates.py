"""60, 30, 14 and 7 days before a certificate ends, and after."""

from __future__ import annotations

import pytest

from appliance.panel.health.certificates import check
from appliance.panel.health.facts import CertificateEnd
from appliance.panel.health.finding import Level
from tests.panel.health.given import DAY, NOW, facts

SOON, NOTICE, ALARM = (), ("alarm:notice",), ("alarm:alarm",)


@pytest.mark.parametrize(
    ("days", "level", "lamps", "fix"),
    [
        (300, Level.OK, SOON, ""),
        (60.1, Level.OK, SOON, ""),
        (60, Level.OK, SOON, "Plan"),
        (30.1, Level.OK, SOON, "Plan"),
        (30, Level.WARN, NOTICE, "Have a new one issued;"),
        (14, Level.WARN, NOTICE, "this week"),
        (7, Level.ALARM, ALARM, "today"),
        (0.01, Level.ALARM, ALARM, "today"),
        (0, Level.ALARM, ALARM, "now"),
        (-40, Level.ALARM, ALARM, "now"),
    ],
)
def test_days_that_are_left(days: float, level: Level, lamps: tuple[str, ...], fix: str) -> None:
    (found,) = check(facts(certificates=[CertificateEnd("receive.certificate", "/a.crt", NOW + days * DAY)]))
    assert (found.subject, found.level, found.lamps) == ("receive.certificate", level, lamps)
    assert fix in found.fix and bool(found.fix) == bool(fix)


@pytest.mark.parametrize(
    ("days", "level", "lamps", "fix"),
    [
        (731, Level.OK, SOON, ""),
        (730, Level.OK, SOON, "Plan to replace it"),
        (365, Level.WARN, NOTICE, "`appliance certs roll --begin` begins that"),
        (90, Level.ALARM, ALARM, "`appliance certs roll --begin` begins that"),
        (0, Level.ALARM, ALARM, "`appliance certs roll --begin` begins that"),
    ],
)
def test_the_ca_that_is_built_in_is_replaced_long_before(
    days: float, level: Level, lamps: tuple[str, ...], fix: str
) -> None:
    end = CertificateEnd("receive.client_ca", "/a.crt", NOW + days * DAY, built_in=True)
    (found,) = check(facts(certificates=[end]))
    assert (found.level, found.lamps) == (level, lamps)
    assert fix in found.fix and bool(found.fix) == bool(fix)


def test_since_when_it_is_so() -> None:
    (found,) = check(facts(certificates=[CertificateEnd("a", "/a.crt", NOW + 10 * DAY)]))
    assert found.since == NOW - 4 * DAY


def test_one_that_cannot_be_read() -> None:
    (found,) = check(facts(certificates=[CertificateEnd("a", "/a.crt", None, "Permission denied")]))
    assert found.level is Level.WARN and "Permission denied" in found.what and "/a.crt" in found.fix


@pytest.mark.parametrize(
    ("days", "level"), [(31, None), (30, Level.WARN), (7, Level.ALARM), (-29, Level.ALARM), (-31, None)]
)
def test_that_of_a_device_is_asked_for_only_when_it_matters(days: float, level: Level | None) -> None:
    given = facts(certificates=(), devices=[CertificateEnd("CT suite 2", "/i", NOW + days * DAY)])
    found = list(check(given))
    assert [each.level for each in found] == ([level] if level else [])
    if found:
        assert found[0].subject == "of CT suite 2" and "`appliance certs issue 'CT suite 2' …` makes it" in found[0].fix
