from __future__ import annotations

import ipaddress
from datetime import time

import pytest

from appliance.routing.admission import Admitted, Caller, Certificate, Refused, Rejection, admit
from tests.routing.configs import SHA, config

CERTIFICATE = Certificate("cd" * 32, ("ct1.rad.example", "10.20.0.11"))
PINNED = Certificate(SHA, ())


def ask(
    calling: str | None, address: str, certificate: Certificate | None = None, called: str | None = "EDGE01"
) -> Admitted | Refused:
    return admit(config(), Caller(calling, called, ipaddress.ip_address(address), certificate))


@pytest.mark.parametrize(
    ("calling", "address", "certificate", "called", "peer"),
    [
        ("CT1", "10.20.0.11", CERTIFICATE, "EDGE01", "CT"),
        ("CT1_QR", "10.20.0.23", CERTIFICATE, "PACS", "CT"),
        ("CT1", "::ffff:10.20.0.11", CERTIFICATE, "EDGE01", "CT"),
        ("CT1", "10.20.0.11", Certificate("00", ("CT1.RAD.EXAMPLE.",)), "EDGE01", "CT"),
        ("MR1", "10.20.0.12", None, "EDGE01", "old MR"),
        ("MR1", "10.20.0.12", CERTIFICATE, "EDGE01", "old MR"),
        ("WS", "2001:db8::7", CERTIFICATE, "EDGE01", "workstation"),
        ("US1", "10.20.0.14", None, "EDGE01", "serial"),
        ("XA1", "10.20.0.15", PINNED, "EDGE01", "pinned"),
        ("NM1", "10.20.0.24", PINNED, "EDGE01", "half"),
    ],
)
def test_who_meets_its_entry_is_admitted(
    calling: str, address: str, certificate: Certificate | None, called: str, peer: str
) -> None:
    found = ask(calling, address, certificate, called)
    assert isinstance(found, Admitted)
    assert found.peer.name == peer


@pytest.mark.parametrize(
    ("calling", "address", "certificate", "called", "rejection", "why", "advice"),
    [
        (None, "10.20.0.11", CERTIFICATE, "EDGE01", Rejection.CALLING_AE, "blank or malformed", "AE title"),
        (
            "CT9",
            "10.20.0.99",
            CERTIFICATE,
            "EDGE01",
            Rejection.CALLING_AE,
            "no [[peer]] has",
            'add "CT9" to ae_titles of a [[peer]] with address 10.20.0.99',
        ),
        (
            "CT1",
            "10.20.0.12",
            CERTIFICATE,
            "EDGE01",
            Rejection.CALLING_AE,
            "another address",
            'add "10.20.0.12" to addresses of [[peer]] "CT"',
        ),
        (
            "CT1",
            "::ffff:10.9.9.9",
            CERTIFICATE,
            "EDGE01",
            Rejection.CALLING_AE,
            "another address",
            'add "10.9.9.9"',
        ),
        ("CT1", "10.20.0.11", None, "EDGE01", Rejection.CALLING_AE, "cleartext", 'tls = "allowed"'),
        (
            "CT1",
            "10.20.0.11",
            PINNED,
            "EDGE01",
            Rejection.CALLING_AE,
            "not the one",
            f'certificate = "sha256:{SHA}" in [[peer]] "CT"',
        ),
        (
            "CT1",
            "10.20.0.11",
            Certificate("00", ("*.rad.example",)),
            "EDGE01",
            Rejection.CALLING_AE,
            "not the one",
            "",
        ),
        ("XA1", "10.20.0.15", CERTIFICATE, "EDGE01", Rejection.CALLING_AE, "not the one", "sha256:cdcd"),
        ("NEW", "10.20.0.13", CERTIFICATE, "EDGE01", Rejection.CALLING_AE, "not accepted yet", "accept = true"),
        ("US1", "10.20.0.14", CERTIFICATE, "EDGE01", Rejection.CALLING_AE, "says never", 'tls = "allowed"'),
        ("NM1", "10.20.0.24", None, "EDGE01", Rejection.CALLING_AE, "names a certificate", "remove certificate"),
        (
            "CT1",
            "10.20.0.11",
            CERTIFICATE,
            "ARCHIVE",
            Rejection.CALLED_AE,
            'calls us "ARCHIVE"',
            '"EDGE01" or "PACS"',
        ),
        ("CT1", "10.20.0.11", CERTIFICATE, None, Rejection.CALLED_AE, "malformed", "called_ae_titles"),
        ("CT9", "10.20.0.99", None, "ARCHIVE", Rejection.CALLING_AE, "no [[peer]] has", ""),
    ],
)
def test_who_does_not_is_refused_and_the_log_is_told_what_to_add(
    calling: str | None,
    address: str,
    certificate: Certificate | None,
    called: str | None,
    rejection: Rejection,
    why: str,
    advice: str,
) -> None:
    found = ask(calling, address, certificate, called)
    assert isinstance(found, Refused)
    assert found.rejection is rejection
    assert why in found.why
    assert advice in found.advice


def test_the_triples_are_those_of_the_standard() -> None:
    # PS3.8 table 9-21: 1/1/3 calling and 1/1/7 called AE title not recognized, 2/3/1 congestion, 2/3/2 local limit.
    found = ask("CT9", "10.20.0.99")
    assert isinstance(found, Refused)
    assert (found.result, found.source, found.reason) == (1, 1, 3)
    found = ask("MR1", "10.20.0.12", called="X")
    assert isinstance(found, Refused)
    assert (found.result, found.source, found.reason) == (1, 1, 7)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (time(6), None),
        (time(21, 59), None),
        (None, None),  # the clock is not set: hours refuse nobody
        (time(22), "at 06:00-22:00 only; from 06:00 on"),
        (time(5, 59), "at 06:00-22:00 only; from 06:00 on"),
    ],
)
def test_hours_refuse_for_now_and_say_until_when(now: time | None, why: str | None) -> None:
    found = admit(config(), Caller("CR1", "EDGE01", ipaddress.ip_address("10.20.0.25"), CERTIFICATE), now)
    if why is None:
        assert isinstance(found, Admitted)
        return
    assert isinstance(found, Refused)
    assert why in found.why and 'hours of [[peer]] "day"' in found.advice
    # PS3.8 table 9-21: rejected-transient, by the service user, no reason given.
    assert (found.result, found.source, found.reason) == (2, 1, 1)


def test_hours_are_looked_at_last() -> None:
    found = admit(config(), Caller("CR1", "X", ipaddress.ip_address("10.20.0.25"), CERTIFICATE), time(3))
    assert isinstance(found, Refused) and found.rejection is Rejection.CALLED_AE


def test_a_legacy_suite_is_for_the_peers_that_may_use_it() -> None:
    for calling, address, admitted in (("CR1", "10.20.0.25", True), ("CT1", "10.20.0.11", False)):
        found = admit(config(), Caller(calling, "EDGE01", ipaddress.ip_address(address), CERTIFICATE, legacy_tls=True))
        assert isinstance(found, Admitted) is admitted
    assert isinstance(found, Refused)
    assert found.rejection is Rejection.CALLING_AE and 'tls_profile = "legacy" in [[peer]] "CT"' in found.advice


def test_a_title_shared_by_two_entries_finds_the_one_whose_certificate_fits() -> None:
    base = {"ae_titles": ["SHARED"], "addresses": ["10.0.0.1"]}
    entries = [
        {"name": "first", "certificate": "san:one.example", **base},
        {"name": "second", "certificate": "san:two.example", **base},
    ]
    caller = Caller("SHARED", "EDGE01", ipaddress.ip_address("10.0.0.1"), Certificate("00", ("two.example",)))
    found = admit(config(peer=entries), caller)
    assert isinstance(found, Admitted)
    assert found.peer.name == "second"


def test_a_hostile_title_is_washed_before_it_is_shown() -> None:
    found = ask("EVIL\x1b[2J", "10.20.0.99")
    assert isinstance(found, Refused)
    assert "\x1b" not in found.advice
