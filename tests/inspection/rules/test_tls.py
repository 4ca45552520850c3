"""D16, D17, D20: TLS that OpenSSL itself speaks, and what is changed in it."""

from __future__ import annotations

import ssl
import tomllib
from collections.abc import Sequence
from datetime import timedelta

import pytest

from appliance.base import limits
from appliance.capture.certificate import read_certificate
from appliance.config.model import Config
from appliance.host.certificates import Authority
from appliance.host.site_authorities import SiteAuthorities
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry
from tests.inspection.handshake import NOW, certificate, talk
from tests.inspection.scene import CONFIG, MR, OLD_PACS, OWN, PACS, STRANGER, evidence, registry, rules
from tests.inspection.test_tls_hello import server_hello
from tests.inspection.wire import Wire

GOOD = certificate()
RSA = certificate(weak=True)


def watch() -> Inspection:
    return Inspection(registry(), certificates=read_certificate)


def play(
    watching: Inspection,
    said: list[tuple[bool, bytes]],
    server: str = OWN,
    port: int = 2762,
    now: float = 1_700_000_000.0,
    mss: int = 1448,
    client_port: int = 50000,
    client: str = MR,
) -> Inspection:
    wire = Wire(watching, client, server, port, client_port, now, mss=mss).open()
    for from_client, data in said:
        wire.say(from_client, data)
    wire.close()
    return watching


@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mss", [1448, 5])
def test_good_tls_is_quiet(maximum: ssl.TLSVersion, mss: int) -> None:
    watching = play(watch(), talk(GOOD, maximum), mss=mss)
    assert watching.take_alerts() == []
    assert watching.snapshot()["memory"] == 0
    assert watching.snapshot()["tls"] == 1


def test_d18_the_refusal_of_a_certificate_that_was_shown_behind_the_servers() -> None:
    """Up to TLS 1.2 the client's certificate comes behind all that the server says of itself."""
    watching = watch()
    hello, answer = talk(GOOD)[:2]
    certificates = (True, b"\x16\3\3\0\7\x0b\0\0\3\0\0\0"), (False, b"\x15\3\3\0\2\2\x30")
    for number in range(limits.SENSOR_TLS_ALERTS.default):
        play(watching, [hello, answer, *certificates], client_port=50000 + number)
    assert rules(watching) == ["D18"]


@pytest.mark.parametrize(
    ("pem", "what"),
    [
        (certificate(ends=-1), "the certificate of the server expired on 2023-11-13"),
        (certificate(begins=5), "the certificate of the server is not valid before 2023-11-19"),
        (RSA, "the certificate of the server is weak: its RSA key has 1024 bits, 2048 is the least"),
    ],
)
def test_d17_a_certificate_that_should_not_be_used(pem: bytes, what: str) -> None:
    records = play(watch(), talk(pem)).take_alerts()
    assert [each["alert"]["signature_id"] for each in records] == ["D17"]
    assert evidence(records, "D17") == what
    web = talk(pem, protocols=("http/1.1",))
    assert rules(play(watch(), web, "10.20.0.80", 443)) == []  # a web server is none of our business


def test_d17_a_certificate_that_cannot_be_read() -> None:
    body = b"\0\0\x09\0\0\6nothing"[:12]
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    said = [(False, server_hello() + b"\x16\3\3" + len(message).to_bytes(2, "big") + message)]
    client = talk(GOOD)[0]
    records = play(watch(), [client, *said]).take_alerts()
    assert evidence(records, "D17") == "the certificate of the server cannot be read"
    without = Inspection(registry())
    assert rules(play(without, [client, *said])) == []


def test_d17_a_server_that_shows_another_certificate() -> None:
    later = 1_700_000_000.0 + limits.SENSOR_LEARN.default
    for pem, when, spoke in (
        (certificate(), later + 100, ["D17"]),
        (certificate(), 1_700_000_100, []),
        (GOOD, later, []),
    ):
        watching = play(watch(), talk(GOOD))
        assert rules(play(watching, talk(pem), now=when, client_port=50001)) == spoke


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("pacs.rad.example",), ""),
        (("other.example", "PACS.rad.example"), ""),
        (("*.rad.example",), ""),
        (("*.example",), "the certificate of the server does not name pacs.rad.example, as which it is called"),
        ((), "the certificate of the server does not name pacs.rad.example, as which it is called"),
    ],
)
def test_d17_a_destination_whose_certificate_names_others(names: tuple[str, ...], what: str) -> None:
    said = talk(certificate(names=names))
    records = play(watch(), said, PACS).take_alerts()
    assert [each["alert"]["metadata"]["evidence"] for each in records] == [what] * bool(what)
    assert rules(play(watch(), said, OWN)) == []  # that of others is for their callers
    assert rules(play(Inspection(registry(own=False), certificates=read_certificate), said, "10.20.0.77")) == []


# Who signed: `ca` of [sensor]

SITE, OTHER = Authority.create("Site CA", NOW), Authority.create("Site CA", NOW)
CLOUD = "/etc/appliance/tls/cloud-ca.crt"
FOREIGN = "is signed by no CA of the site"


def of(authority: Authority, ends: int = 100) -> bytes:
    """A server's certificate and its key, PEM."""
    issued = authority.issue(
        "pacs", ["pacs.rad.example"], server=True, client=True, now=NOW, lifetime=timedelta(days=ends)
    )
    return issued.certificate + issued.key


def known(*changes: tuple[str, str], own: bool = True) -> Registry:
    """The registry of the scenes' site, of which something is otherwise."""
    text = CONFIG.replace("RECIPIENT", "age1" + "q" * 58)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return registry(own, Config.model_validate(tomllib.loads(text)))


def ask(registry: Registry) -> Inspection:
    return Inspection(registry, certificates=read_certificate, signed=SiteAuthorities(SITE.certificate).signed)


def said_of(watching: Inspection) -> list[str]:
    return [
        each["alert"]["metadata"]["evidence"]
        for each in watching.take_alerts()
        if each["alert"]["signature_id"] == "D17"
    ]


@pytest.mark.parametrize("server", [OWN, PACS])
def test_d17_a_server_with_a_certificate_of_another_ca(server: str) -> None:
    assert said_of(play(ask(known()), talk(of(SITE)), server)) == []
    records = play(ask(known()), talk(of(OTHER)), server).take_alerts()
    (record,) = records
    assert evidence(records, "D17") == f"the certificate of the server {FOREIGN}"
    assert record["tls"]["issuer"] == "CN=Site CA"  # who it says that it is
    assert said_of(play(watch(), talk(of(OTHER)), server)) == []  # nobody asks


def test_d17_of_another_ca_and_expired_is_both() -> None:
    late = NOW.timestamp() + 200 * 86400
    expired = f"the certificate of the server expired on {NOW + timedelta(days=100):%Y-%m-%d}"
    assert said_of(play(ask(known()), talk(of(OTHER)), now=late)) == [f"{expired} and {FOREIGN}"]
    assert said_of(play(ask(known()), talk(of(SITE)), now=late)) == [expired]


MR_AT = f'addresses = ["{MR}"]'
HERE = ('ae_title = "PACS"\nca = "/etc/appliance/tls/site-ca.crt"', f'ae_title = "PACS"\nca = "{CLOUD}"')
SENSOR = 'interface = "eth1"\n'
BESIDE = '\n[[sensor.server]]\nname = "PACS too"\naddresses = ["10.20.0.0/28"]\nae_titles = ["PACS"]\nports = [2762]\n'


@pytest.mark.parametrize(
    ("changes", "spoke"),
    [
        ([], True),
        ([HERE], False),  # the registry says another CA
        ([HERE, (SENSOR, f'{SENSOR}ca = "{CLOUD}"\n')], True),  # which is the site's
        ([HERE, ('decoy_ae = "ARCHIVE"\n', BESIDE)], False),  # two entries for one place
        ([('decoy_ae = "ARCHIVE"\n', BESIDE)], True),
        ([(':2762"\nae_title', ':2763"\nae_title'), ('decoy_ae = "ARCHIVE"\n', BESIDE)], True),
    ],
)
def test_d17_which_cas_hold_for_a_destination(changes: list[tuple[str, str]], spoke: bool) -> None:
    assert said_of(play(ask(known(*changes)), talk(of(OTHER)), PACS)) == (
        [f"the certificate of the server {FOREIGN}"] if spoke else []
    )


def test_d17_a_certificate_in_front_of_many_others_hides_nothing() -> None:
    """OpenSSL's clients take a chain of 100 KiB."""
    said = talk(of(OTHER) + SITE.certificate * 190)
    assert 65536 < sum(len(data) for from_client, data in said if not from_client) < 102400
    assert said_of(play(ask(known()), said)) == [f"the certificate of the server {FOREIGN}"]


def test_a_handshake_that_is_longer_than_anybody_takes_is_not_passed_over_in_silence() -> None:
    records = b"".join(b"\x16\3\3\x40\0" + bytes((0x0B, 0xFF, 0xFF, 0xFF)) + bytes(16380) for _ in range(10))
    said = play(ask(known()), [talk(GOOD)[0], (False, server_hello()), (False, records)]).take_alerts()
    assert [each["alert"]["signature_id"] for each in said] == ["D43"]
    assert evidence(said, "D43") == "a handshake over the limit, behind the hello"


def test_d17_who_is_not_known_to_be_there_is_not_asked() -> None:
    """A destination that may be anywhere, a server that nobody named, a port that is not its own."""
    for server, port in (("10.20.0.77", 2762), (PACS, 2761), (OLD_PACS, 2762)):
        assert said_of(play(ask(known()), talk(of(OTHER)), server, port)) == []
    assert said_of(play(ask(known(own=False)), talk(of(OTHER)), PACS)) == []


def shows(authority: Authority, *more: bytes) -> tuple[bool, bytes]:
    """The Certificate message of a client."""
    chain = [ssl.PEM_cert_to_DER_cert(of(authority).decode().partition("-----BEGIN PRIVATE")[0]), *more]
    listed = b"".join(len(each).to_bytes(3, "big") + each for each in chain)
    body = len(listed).to_bytes(3, "big") + listed
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    return True, b"\x16\3\3" + len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize(
    ("client", "server", "spoke"),
    [(MR, OWN, True), (OWN, PACS, True), (MR, PACS, True), (STRANGER, OWN, False), (MR, STRANGER, False)],
)
def test_d17_a_registered_client_with_a_certificate_of_another_ca(client: str, server: str, spoke: bool) -> None:
    hello, answer = talk(of(SITE))[:2]
    for authority, foreign in ((SITE, False), (OTHER, True)):
        watching = ask(known())
        play(watching, [hello, answer, shows(authority)], server, client=client)
        assert said_of(watching) == ([f"the certificate of the client {FOREIGN}"] if spoke and foreign else [])


def test_d17_what_we_show_to_a_destination_of_another_ca_is_its_business() -> None:
    hello, answer = talk(of(OTHER))[:2]
    assert said_of(play(ask(known(HERE)), [hello, answer, shows(OTHER)], PACS, client=OWN)) == []
    # And what that shows to us, when it reports.
    there = ('addresses = ["10.20.0.12"]', f'addresses = ["{PACS}"]')
    hello, answer = talk(of(SITE))[:2]
    assert said_of(play(ask(known(there)), [hello, answer, shows(OTHER)], OWN, client=PACS)) != []
    assert said_of(play(ask(known(there, HERE)), [hello, answer, shows(OTHER)], OWN, client=PACS)) == []


def test_d17_a_device_that_reports_or_takes_reports_under_another_ca() -> None:
    hello, answer = talk(of(SITE))[:2]
    reports = f'{HERE[1]}\nproof = "commitment"\nreports = {{ addresses = ["{MR}"] }}'
    assert said_of(play(ask(known((HERE[0], reports))), [hello, answer, shows(OTHER)])) == []
    place = f'{MR_AT}\nservices = ["commit"]\ncommitment = {{ address = "{MR}:2763", ae_title = "MRC", ca = "FILE" }}'
    for ca, spoke in ((CLOUD, 0), ("/etc/appliance/tls/site-ca.crt", 1)):
        registered = known((MR_AT, place.replace("FILE", ca)))
        assert len(said_of(play(ask(registered), talk(of(OTHER)), MR, 2763, client=OWN))) == spoke


def test_d17_a_chain_goes_to_who_asks_whole_and_cut_to_a_few() -> None:
    heard: list[list[bytes]] = []

    def signed(chain: Sequence[bytes]) -> bool:
        heard.append(list(chain))
        return True

    hello, most = talk(GOOD)[0], limits.SENSOR_CHAIN.default
    for count in (0, 1, most, most + 5):
        watching = Inspection(known(), certificates=read_certificate, signed=signed)
        play(watching, [hello, (False, server_hello()), shows(SITE, *(b"%03d" % each for each in range(count)))])
    assert [len(each) - 1 for each in heard] == [0, 1, most, most]
    assert heard[-1][1:] == [b"%03d" % each for each in range(most)]
    _, whole = shows(SITE, b"first", b"second")
    play(
        Inspection(known(), certificates=read_certificate, signed=signed),
        [hello, (False, server_hello()), (True, whole.replace(b"\0\0\6second", b"\0\0\7second"))],
    )
    assert heard[-1][1:] == [b"first"]


@pytest.mark.parametrize(
    ("left", "issuer", "severity"), [(30, "Site CA", 3), (-1, "Site CA", 3), (80, "Site CA", 2), (30, "Other CA", 2)]
)
def test_d17_a_certificate_that_is_renewed_when_it_is_due_is_for_information(
    left: int, issuer: str, severity: int
) -> None:
    """`left`: how many days before its end the old one is replaced."""
    begun, day = NOW.timestamp(), 86400
    watching = play(watch(), talk(certificate(-10, 100, issuer="Site CA")), now=begun)
    play(watching, talk(certificate(0, 465, issuer=issuer)), now=begun + (100 - left) * day, client_port=50001)
    records = [each for each in watching.take_alerts() if "another" in each["alert"]["metadata"]["evidence"]]
    assert [each["alert"]["severity"] for each in records] == [severity]


@pytest.mark.parametrize(
    ("ciphers", "spoke"),
    [
        ("AES128-SHA:@SECLEVEL=0", ["D16"]),
        ("ECDHE-RSA-AES128-SHA:@SECLEVEL=0", ["D16"]),
        ("ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", []),
    ],
)
def test_d16_a_weak_suite(ciphers: str, spoke: list[str]) -> None:
    said = talk(RSA, ciphers=ciphers, client_maximum=ssl.TLSVersion.TLSv1_2)
    found = [rule for rule in rules(play(watch(), said)) if rule != "D17"]
    assert found == spoke


@pytest.mark.parametrize(
    ("version", "cipher", "spoke"),
    [
        (b"\3\1", b"\xc0\x30", ["D16"]),
        (b"\3\3", b"\0\x05", ["D16"]),
        (b"\3\3", b"\0\x0a", ["D16"]),
        (b"\3\3", b"\0\0", ["D16"]),
        (b"\3\3", b"\xc0\x2f", []),
    ],
)
def test_d16_what_a_server_may_choose(version: bytes, cipher: bytes, spoke: list[str]) -> None:
    hello = server_hello().replace(b"\x03\x03" + bytes(32), version + bytes(32), 1).replace(b"\xc0\x30", cipher)
    assert rules(play(watch(), [talk(GOOD)[0], (False, hello)])) == spoke


def test_d16_a_legacy_peer_may_use_what_its_entry_allows_and_no_worse() -> None:
    import dataclasses

    known = registry()
    legacy = dataclasses.replace(
        known, peers=tuple(each.model_copy(update={"tls_profile": "legacy"}) for each in known.peers)
    )
    client = talk(GOOD)[0]
    for cipher, spoke in ((b"\0\x2f", []), (b"\0\x0a", ["D16"])):
        watching = Inspection(legacy)
        assert rules(play(watching, [client, (False, server_hello().replace(b"\xc0\x30", cipher))])) == spoke


def test_d20_the_servers_own_word() -> None:
    """OpenSSL puts its sentinel where a client that could do 1.3 gets 1.2 by somebody's doing; here it is put in."""
    client = talk(GOOD)[0]
    plain = server_hello()
    marked = plain[: 11 + 24] + b"DOWNGRD\1" + plain[11 + 32 :]
    assert evidence(play(watch(), [client, (False, marked)]).take_alerts(), "D20").startswith(
        "the client offered TLS 1.3"
    )
    assert rules(play(watch(), [client, (False, plain)])) == []
    older = talk(GOOD, client_maximum=ssl.TLSVersion.TLSv1_2)[0]
    assert rules(play(watch(), [older, (False, marked)])) == []  # the client had offered no better


def test_d20_a_server_that_knew_better_before() -> None:
    watching = play(watch(), talk(GOOD, ssl.TLSVersion.TLSv1_3))
    play(watching, talk(GOOD, ssl.TLSVersion.TLSv1_2), client_port=50001)
    assert rules(watching) == ["D20"]
    fresh = play(watch(), talk(GOOD, ssl.TLSVersion.TLSv1_2))
    play(fresh, talk(GOOD, ssl.TLSVersion.TLSv1_3), client_port=50001)
    assert rules(fresh) == []
