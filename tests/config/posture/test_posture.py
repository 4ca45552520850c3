"""Each finding: what makes it, and that it stays away otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.config.load import parse_config
from appliance.config.posture import posture
from appliance.config.posture.facts import (
    CertificateFacts,
    Facts,
    FileFacts,
    RecipientFacts,
    RevocationFacts,
    StateFacts,
)
from appliance.config.posture.rules import RULES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TLS = Path("/etc/appliance/tls")
BOX, RECOVERY = "age1pq1qqqqqqqqqq", "age1pq1pppppppppp"

# Nothing to find in it.
GOOD = f"""\
[appliance]
ae_title = "EDGE01"
[receive]
listen = ["[::]:2762"]
certificate = "{TLS}/appliance.crt"
key = "{TLS}/appliance.key"
client_ca = "{TLS}/site-ca.crt"
[[peer]]
name = "CT"
ae_titles = ["CT1", "CT2"]
addresses = ["10.20.0.11", "2001:db8::/64", "10.20.1.0/24"]
certificate = "san:ct.example"
[vault]
recipients = ["{BOX}", "{RECOVERY}"]
identity = "credential:identity"
index_key = "file:/keys/index"
[[destination]]
name = "pacs"
kind = "dimse"
address = "pacs.example:2762"
ae_title = "PACS"
ca = "{TLS}/pacs-ca.crt"
certificate = "{TLS}/client.crt"
key = "{TLS}/client.key"
[[route]]
to = ["pacs"]
[sensor]
interface = "eth1"
"""
STORE = """\
kind = "object-store"
url = "s3://sealed"
endpoint = "http://s3.example:9000"
access_key_id = "edge"
secret_access_key = "credential:s3"
"""
LEAF = CertificateFacts("CN=EDGE01", "CN=CA", ("edge.example",), NOW - 99 * DAY, NOW + 99 * DAY, "ab" * 32, "RSA 2048")
ROOT = replace(LEAF, subject="CN=CA", names=(), authority=True)
BUILT_IN_CA = "CN=EDGE01 site CA (built into the appliance)"
FILES = {
    TLS / "appliance.crt": FileFacts(mode=0o444, certificates=(replace(LEAF, calls=False), ROOT)),
    TLS / "appliance.key": FileFacts(mode=0o440),
    TLS / "site-ca.crt": FileFacts(mode=0o444, certificates=(ROOT,)),
    TLS / "pacs-ca.crt": FileFacts(mode=0o444, certificates=(replace(ROOT, not_after=NOW - DAY), ROOT)),
    TLS / "client.crt": FileFacts(mode=0o444, certificates=(replace(LEAF, serves=False, names=()),)),
    TLS / "client.key": FileFacts(),
    Path("/keys/index"): FileFacts(),
}
FACTS = Facts(now=NOW, files=FILES, recipients=[RecipientFacts()] * 2, identity=BOX)


# There is always one of them: how the identity comes, and what that protects against.
WAYS = ("identity-by-credential", "identity-by-unlock", "sealed-only")


def found(text: str, facts: Facts) -> list[tuple[str, str, str]]:
    config = parse_config(text.encode())
    findings = [each for each in posture(config, facts) if each.id not in WAYS]
    return [(finding.id, finding.subject, finding.what) for finding in findings]


def test_a_good_configuration_has_no_finding() -> None:
    assert found(GOOD, FACTS) == []


PEER = 'peer "CT"'
DEST = 'destination "pacs"'
CROSS = 'certificate = "san:ct.example"\n'
ROUTE = '[[route]]\nto = ["pacs"]\n'


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            (CROSS, CROSS + 'tls = "allowed"\n'),
            [
                ("listener-cleartext", "receive.listen_plain", "associations in cleartext are taken at 10.0.0.1:104"),
                ("peer-cleartext", f"{PEER}.tls", "it may come in cleartext"),
            ],
        ),
        (
            (CROSS, 'tls = "never"\n'),
            [
                ("listener-cleartext", "receive.listen_plain", "associations in cleartext are taken at 10.0.0.1:104"),
                ("peer-cleartext", f"{PEER}.tls", "it comes in cleartext"),
            ],
        ),
        (
            (CROSS, CROSS + 'tls_profile = "legacy"\n'),
            [("peer-tls-legacy", f"{PEER}.tls_profile", "it may use old TLS suites")],
        ),
        (
            (CROSS, CROSS + 'tls = "allowed"\nuser_identity = { type = "username", usernames = ["ct"] }\n'),
            [
                ("listener-cleartext", "receive.listen_plain", "associations in cleartext are taken at 10.0.0.1:104"),
                ("peer-cleartext", f"{PEER}.tls", "it may come in cleartext"),
                ("user-identity-cleartext", f"{PEER}.user_identity", "it may be shown in cleartext"),
            ],
        ),
        ((CROSS, CROSS + 'user_identity = { type = "username", usernames = ["ct"] }\n'), []),
        ((CROSS, ""), [("peer-without-certificate", f"{PEER}.certificate", "any certificate of the site will do")]),
        (
            (CROSS, CROSS + "accept = false\n"),
            [("no-peer", "peer", "no device may send"), ("peer-not-accepted", PEER, "it is proposed, not accepted")],
        ),
        (
            ('"10.20.0.11"', '"10.0.0.0/23"'),
            [("peer-wide-address", f"{PEER}.addresses", "it may come from all of 10.0.0.0/23")],
        ),
        (
            ("2001:db8::/64", "2001:db8::/63"),
            [("peer-wide-address", f"{PEER}.addresses", "it may come from all of 2001:db8::/63")],
        ),
        (
            (
                CROSS,
                CROSS + 'services = ["commit"]\n'
                'commitment = { address = "ct.example:104", ae_title = "CT", tls = "never" }\n',
            ),
            [("commitment-cleartext", f"{PEER}.commitment.tls", "reports to ct.example:104 are in cleartext")],
        ),
        (
            (CROSS, CROSS + 'services = ["commit"]\n'),
            [("commitment-without-address", f"{PEER}.commitment", "we cannot call it to report")],
        ),
        (
            (
                CROSS,
                CROSS + 'services = ["commit"]\n'
                f'commitment = {{ address = "ct.example:104", ae_title = "CT", ca = "{TLS}/client.crt" }}\n',
            ),
            [("ca-without-authority", f"{PEER}.commitment.ca", f"{TLS}/client.crt holds no certificate of a CA")],
        ),
        (
            ('ae_title = "PACS"\n', 'ae_title = "PACS"\nproof = "commitment"\n'),
            [
                (
                    "reports-without-address",
                    f"{DEST}.reports",
                    "nobody knows from which address pacs.example would report on storage commitment",
                )
            ],
        ),
        (
            (
                'ae_title = "PACS"\n',
                'ae_title = "PACS"\nproof = "commitment"\nreports = { addresses = ["10.20.0.40"] }\n',
            ),
            [],
        ),
        (
            (
                'address = "pacs.example:2762"\nae_title = "PACS"\n',
                'address = "10.20.0.40:2762"\nae_title = "PACS"\nproof = "commitment"\n',
            ),
            [],
        ),
        (('[sensor]\ninterface = "eth1"\n', ""), [("no-sensor", "sensor", "there is no sensor")]),
        (
            (f'ca = "{TLS}/pacs-ca.crt"', 'tls = "never"'),
            [("destination-cleartext", f"{DEST}.tls", "deliveries to pacs.example:2762 are in cleartext")],
        ),
        (
            (f'certificate = "{TLS}/client.crt"\nkey = "{TLS}/client.key"\n', ""),
            [("destination-without-certificate", f"{DEST}.certificate", "we show no certificate there")],
        ),
        (
            (GOOD[GOOD.index('kind = "dimse"') : GOOD.index("[[route]]")], STORE),
            [
                (
                    "object-store-cleartext",
                    f"{DEST}.endpoint",
                    "requests to http://s3.example:9000 can be read on the way; objects are sealed",
                ),
                ("identity-unneeded", "vault.identity", "nothing here needs to open objects"),
            ],
        ),
        (
            (GOOD[GOOD.index('kind = "dimse"') : GOOD.index("[[route]]")], STORE.replace("http:", "https:")),
            [("identity-unneeded", "vault.identity", "nothing here needs to open objects")],
        ),
        (
            (GOOD[GOOD.index('kind = "dimse"') : GOOD.index("[[route]]")], 'kind = "stow"\nurl = "http://p.example/x"\n'),
            [("destination-cleartext", f"{DEST}.url", "deliveries to http://p.example/x are in cleartext")],
        ),
        ((', "age1pq1pppppppppp"', ""), [("no-recovery", "vault.recipients", "one key alone opens the objects")]),
        ((RECOVERY, BOX), [("no-recovery", "vault.recipients", "one key alone opens the objects")]),
        (
            ('identity = "credential:identity"\n', ""),
            [("identity-missing", "vault.identity", "this box has no identity")],
        ),
        (
            ('"credential:identity"', '"file:/keys/index"'),
            [
                (
                    "theft-not-protected",
                    "vault.identity",
                    "theft: not protected; the identity lies on the disk of this box",
                )
            ],
        ),
        (
            (GOOD[GOOD.index("[[dest") : GOOD.index("[sensor]")], ""),
            [
                ("no-destination", "destination", "there is no destination"),
                ("identity-unneeded", "vault.identity", "nothing here needs to open objects"),
            ],
        ),
        (('[sensor]', '[panel]\nmetrics = "127.0.0.1:9465"\n[sensor]'), []),
        (('[sensor]', '[panel]\nmetrics = "localhost:9465"\n[sensor]'), []),
        (
            ('[sensor]', '[panel]\nmetrics = "[::]:9465"\n[sensor]'),
            [("metrics-on-network", "panel.metrics", "metrics can be read at [::]:9465")],
        ),
        (
            ('[sensor]', f'[alerts]\nsyslog = "tls://siem:6514"\nca = "{TLS}/client.crt"\n[sensor]'),
            [("ca-without-authority", "alerts.ca", f"{TLS}/client.crt holds no certificate of a CA")],
        ),
        (
            ('[sensor]', f'[alerts]\nsyslog = "tls://siem:6514"\ncertificate = "{TLS}/site-ca.crt"\n'
             f'key = "{TLS}/client.key"\n[sensor]'),
            [],
        ),
        (
            (ROUTE, ""),
            [
                ("destination-unused", DEST, "no route leads to it"),
                ("peer-without-route", PEER, "no route takes what it sends"),
            ],
        ),
        ((ROUTE, ROUTE + 'when = { modality = ["CT"] }\n'), "gap"),
        ((ROUTE, ROUTE + 'when = { ae_title = ["CT1"] }\n'), "gap"),
        ((ROUTE, ROUTE + 'when = { ae_title = ["CT1", "CT2"] }\n'), []),
        ((ROUTE, ROUTE + 'when = { peer = ["CT"] }\n'), []),
        ((ROUTE, ROUTE + 'when = { ae_title = ["MR1"] }\n'), "dead"),
        ((ROUTE, ROUTE + 'when = { sop_class = ["1.2.3"] }\n'), "gap"),
        ((CROSS, CROSS + 'services = ["echo"]\n'), []),
    ],
)  # fmt: skip
def test_what_the_file_says(change: tuple[str, str], finding: Any) -> None:
    names = {
        "gap": [("route-gap", PEER, "routes take some of what it sends, on conditions")],
        "dead": [
            ("route-unreachable", "route #1.when", "its condition is never met"),
            ("peer-without-route", PEER, "no route takes what it sends"),
        ],
    }
    assert GOOD.count(change[0]) >= 1
    text = GOOD.replace(*change, 1)
    if 'tls = "never"\n[' in text or 'tls = "allowed"' in text:
        text = text.replace("[receive]", '[receive]\nlisten_plain = ["10.0.0.1:104"]')
    expected = names[finding] if isinstance(finding, str) else finding
    assert found(text, FACTS) == expected


def test_routes_by_sop_class() -> None:
    text = GOOD.replace(CROSS, CROSS + 'sop_classes = ["1.2.3", "1.2.4"]\n')

    def ids(classes: str) -> list[str]:
        route = ROUTE + f"when = {{ sop_class = [{classes}] }}\n"
        return [each[0] for each in found(text.replace(ROUTE, route), FACTS)]

    assert ids('"1.2.3"') == ["route-gap"]
    assert ids('"1.2.3", "1.2.4", "1.2.5"') == []
    assert ids('"1.2.5"') == ["route-unreachable", "peer-without-route"]


def test_a_destination_that_does_not_take_what_every_device_may_send() -> None:
    def said(*syntaxes: str) -> list[tuple[str, str, str]]:
        listed = ", ".join(f'"1.2.840.10008.1.2{each}"' for each in syntaxes)
        return found(GOOD.replace(ROUTE, f"transfer_syntaxes = [{listed}]\n{ROUTE}"), FACTS)

    implicit, explicit = (
        "Implicit VR Little Endian (1.2.840.10008.1.2)",
        "Explicit VR Little Endian (1.2.840.10008.1.2.1)",
    )
    subject = ("syntax-not-delivered", f"{DEST}.transfer_syntaxes")
    assert said() == []
    assert said("", ".1") == said("", ".1", ".4.70") == []
    assert said("", ".4.70") == [(*subject, f"it does not list {explicit}")]
    assert said(".1") == [(*subject, f"it does not list {implicit}")]
    assert said(".4.70") == [(*subject, f"it does not list {implicit} and {explicit}")]


def leaf(path: str, **changes: Any) -> dict[str, Any]:
    file = FILES[TLS / path]
    changed = (replace(file.certificates[0], **changes), *file.certificates[1:])
    return {"files": {**FILES, TLS / path: replace(file, certificates=changed)}}


def file(path: Path, **changes: Any) -> dict[str, Any]:
    return {"files": {**FILES, path: replace(FILES[path], **changes)}}


OURS = "receive.certificate"


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        (leaf("appliance.crt", not_after=NOW), ("certificate-expired", OURS, "it expired on 2026-06-01")),
        (
            leaf("appliance.crt", not_before=NOW + DAY),
            ("certificate-not-yet-valid", OURS, "it is valid from 2026-06-02 12:00 UTC on"),
        ),
        (
            leaf("appliance.crt", not_after=NOW + 30 * DAY),
            ("certificate-expires", OURS, "it expires on 2026-07-01, in 30 days"),
        ),
        (leaf("appliance.crt", not_after=NOW + 31 * DAY), None),
        (
            leaf("appliance.crt", serves=False, calls=True),
            ("certificate-purpose", OURS, "it is not for TLS servers"),
        ),
        (
            leaf("client.crt", calls=False),
            ("certificate-purpose", f"{DEST}.certificate", "it is not for TLS clients"),
        ),
        (leaf("appliance.crt", weak="its key is DSA"), ("certificate-weak", OURS, "its key is DSA")),
        (leaf("appliance.crt", names=()), ("certificate-nameless", OURS, "it has no subject alternative name")),
        (
            leaf("site-ca.crt", authority=False),
            ("ca-without-authority", "receive.client_ca", f"{TLS}/site-ca.crt holds no certificate of a CA"),
        ),
        (
            leaf("site-ca.crt", not_after=NOW - DAY),
            ("ca-expired", "receive.client_ca", "it expired on 2026-05-31"),
        ),
        (
            leaf("site-ca.crt", not_after=NOW + 90 * DAY),
            ("ca-expires", "receive.client_ca", "it expires on 2026-08-30, in 90 days"),
        ),
        (leaf("site-ca.crt", subject=BUILT_IN_CA, not_after=NOW + 731 * DAY), None),
        (
            leaf("site-ca.crt", subject=BUILT_IN_CA, not_after=NOW + 730 * DAY),
            ("ca-roll-over-soon", "receive.client_ca", f"{BUILT_IN_CA} ends on 2028-05-31"),
        ),
        (
            leaf("site-ca.crt", subject=BUILT_IN_CA, not_after=NOW + 365 * DAY),
            ("ca-roll-over-due", "receive.client_ca", f"{BUILT_IN_CA} ends on 2027-06-01"),
        ),
        (leaf("site-ca.crt", not_after=NOW + 365 * DAY), None),  # a hospital's is the hospital's to replace
        (
            {"roll_over": "the CA is being replaced, and two are trusted"},
            ("ca-roll-over-open", "receive.client_ca", "the CA is being replaced, and two are trusted"),
        ),
        ({"server_trusted": False}, ("certificate-other-ca", OURS, "its issuer, CN=CA, is not in client_ca")),
        (
            {"broken_pairs": {(TLS / "appliance.crt", TLS / "appliance.key"): "x is not the certificate of y"}},
            ("certificate-key-mismatch", "receive.key", "x is not the certificate of y"),
        ),
        (
            file(TLS / "appliance.crt", error="No such file or directory"),
            ("file-unreadable", OURS, f"{TLS}/appliance.crt: No such file or directory"),
        ),
        (
            file(TLS / "pacs-ca.crt", error="Permission denied"),
            ("file-unreadable", f"{DEST}.ca", f"{TLS}/pacs-ca.crt: Permission denied"),
        ),
        (
            file(TLS / "client.key", mode=0o644),
            ("key-exposed", f"{DEST}.key", f"others may read or change {TLS}/client.key (mode 0644)"),
        ),
        (
            file(Path("/keys/index"), mode=0o420),
            ("key-exposed", "vault.index_key", "others may read or change /keys/index (mode 0420)"),
        ),
        (
            {"broken_secrets": {"file:/keys/index": "it holds 2 secrets"}},
            ("secret-malformed", "vault.index_key", "/keys/index: it holds 2 secrets"),
        ),
        (
            {"open_files": 575},
            (
                "too-few-open-files",
                "receive.max_associations",
                "128 associations may need 576 open files; 575 are allowed here",
            ),
        ),
        ({"open_files": 576}, None),
        (
            {"authority_key": TLS / "site-ca.key"},
            ("ca-key-on-box", "receive.client_ca", "the private key of the CA lies on this box"),
        ),
        (
            {"state": StateFacts(usable=False, not_mounted="/srv is not mounted, though /etc/fstab names it")},
            ("state-dir-not-mounted", "appliance.state_dir", "/srv is not mounted, though /etc/fstab names it"),
        ),
        (
            {"state": StateFacts(exists=False)},
            ("state-dir-missing", "appliance.state_dir", "/var/lib/appliance is not there yet"),
        ),
        (
            {"state": StateFacts(exists=False, usable=False)},
            ("state-dir-unusable", "appliance.state_dir", "/var/lib/appliance is not there and cannot be made"),
        ),
        (
            {"state": StateFacts(usable=False)},
            ("state-dir-unusable", "appliance.state_dir", "/var/lib/appliance is no directory that we can write"),
        ),
        (
            {"recipients": [RecipientFacts(), RecipientFacts(error="the checksum is wrong")]},
            ("recipient-malformed", "vault.recipients #2", "the checksum is wrong"),
        ),
        (
            {"recipients": [RecipientFacts(), RecipientFacts("classical")]},
            ("recipients-mixed", "vault.recipients", "hybrid and classical recipients stand together"),
        ),
        (
            {"recipients": [RecipientFacts("classical")] * 2},
            ("recipients-classical", "vault.recipients", "all recipients are classical (X25519)"),
        ),
        (
            {"identity": "age1pq1other"},
            ("identity-not-recipient", "vault.identity", "objects are not sealed to this identity"),
        ),
        ({"identity": None}, None),
        (
            {
                "files": {**FILES, Path("/keys/index"): FileFacts("Permission denied", closed=True)},
                "state": StateFacts(usable=False, closed=True),
            },
            ("not-looked-at", "check", "this user may not look at /keys/index, /var/lib/appliance"),
        ),
        (
            {"closed": [TLS / "site-ca.key"]},
            ("not-looked-at", "check", f"this user may not look at {TLS}/site-ca.key"),
        ),
    ],
)
def test_what_the_box_has(facts: dict[str, Any], finding: tuple[str, str, str] | None) -> None:
    assert found(GOOD, replace(FACTS, **facts)) == ([finding] if finding else [])


CRL = RevocationFacts("CN=CA", NOW - DAY, NOW + 7 * DAY)
CRL_KEY = "receive.client_crl"


@pytest.mark.parametrize(
    ("lists", "finding"),
    [
        ((CRL,), None),
        ((replace(CRL, next_update=None),), None),
        (
            (replace(CRL, next_update=NOW),),
            ("crl-expired", CRL_KEY, "the list of CN=CA expired on 2026-06-01 12:00 UTC"),
        ),
        ((replace(CRL, last_update=NOW - 9 * DAY, next_update=NOW - DAY), CRL), None),
        (
            (replace(CRL, next_update=NOW + DAY),),
            ("crl-expires", CRL_KEY, "the list of CN=CA expires on 2026-06-02 12:00 UTC"),
        ),
        (
            (replace(CRL, last_update=NOW + DAY),),
            ("crl-not-yet-valid", CRL_KEY, "the list of CN=CA is valid from 2026-06-02 12:00 UTC on"),
        ),
    ],
)
def test_revocation_lists(lists: tuple[RevocationFacts, ...], finding: tuple[str, str, str] | None) -> None:
    text = GOOD.replace("client_ca", f'client_crl = "{TLS}/site-ca.crl"\nclient_ca', 1)
    files = {**FILES, TLS / "site-ca.crl": FileFacts(mode=0o444, revocations=lists)}
    assert found(text, replace(FACTS, files=files)) == ([finding] if finding else [])


def test_a_ca_without_a_list() -> None:
    text = GOOD.replace("client_ca", f'client_crl = "{TLS}/site-ca.crl"\nclient_ca', 1)
    files = {**FILES, TLS / "site-ca.crl": FileFacts(mode=0o444, revocations=(CRL,))}
    missing = ("crl-missing", CRL_KEY, "it has no list that CN=Other signed")
    assert found(text, replace(FACTS, files=files, without_list=["CN=Other"])) == [missing]


def test_old_devices_need_an_rsa_key() -> None:
    text = GOOD.replace(CROSS, CROSS + 'tls_profile = "legacy"\n')
    ids = [each[0] for each in found(text, replace(FACTS, **leaf("appliance.crt", key_kind="ECDSA secp256r1")))]
    assert ids == ["legacy-without-rsa", "peer-tls-legacy"]


def test_files_that_are_not_used_are_not_looked_at() -> None:
    plain = GOOD.replace('listen = ["[::]:2762"]', 'listen_plain = ["[::]:104"]').replace(CROSS, 'tls = "never"\n')
    missing = replace(FACTS, files={path: FileFacts(error="missing") for path in FILES})
    subjects = {subject for _, subject, what in found(plain, missing) if "missing" in what}
    assert subjects == {f"{DEST}.ca", f"{DEST}.certificate", f"{DEST}.key", "vault.index_key"}


def test_errors_come_first() -> None:
    facts = replace(FACTS, state=StateFacts(exists=False), identity="age1pq1other", server_trusted=False)
    severities = [finding.severity for finding in posture(parse_config(GOOD.encode()), facts)]
    assert severities == ["error", "warning", "note", "note"]


def test_the_fix_names_the_file() -> None:
    finding, _ = posture(parse_config(GOOD.encode()), replace(FACTS, **file(TLS / "client.key", mode=0o666)))
    assert finding.fix.startswith(f"Run: chmod 0400 {TLS}/client.key.")
    assert finding.as_dict()["id"] == "key-exposed"


STORE = """\
[[destination]]
name = "pacs"
kind = "object-store"
url = "file:///mnt/archive"
"""
SEALED_ONLY = GOOD.replace('identity = "credential:identity"\n', "").replace(
    GOOD[GOOD.index("[[dest") : GOOD.index("[[route]]")], STORE
)


@pytest.mark.parametrize(
    ("text", "stray", "finding"),
    [
        (
            GOOD,
            None,
            ("identity-by-credential", "theft: the disk alone is protected where the credential is bound to a TPM"),
        ),
        (
            GOOD.replace("credential:identity", "unlock"),
            None,
            ("identity-by-unlock", "theft: protected; a person gives the identity after each start"),
        ),
        (
            GOOD.replace("credential:identity", "file:/keys/identity"),
            None,
            ("theft-not-protected", "theft: not protected; the identity lies on the disk of this box"),
        ),
        (SEALED_ONLY, None, ("sealed-only", "theft: protected; this box opens nothing")),
        *(
            (
                text,
                Path("/keys/identity"),
                ("identity-in-clear", "theft: not protected; an identity lies in /keys/identity"),
            )
            for text in (GOOD, GOOD.replace("credential:identity", "unlock"), SEALED_ONLY)
        ),
    ],
)  # fmt: skip
def test_each_way_of_the_identity_says_what_it_protects_against(
    text: str, stray: Path | None, finding: tuple[str, str]
) -> None:
    facts = replace(FACTS, stray_identity=stray, identity=None)
    said = [each for each in posture(parse_config(text.encode()), facts) if each.subject == "vault.identity"]
    assert [(each.id, each.what) for each in said] == [finding]


EVIDENCE = {
    "none": ([], set()),
    "one": ([RecipientFacts()], {"evidence-kept"}),
    "broken": ([RecipientFacts(error="its checksum is wrong")], {"evidence-recipient-malformed"}),
    "mixed": ([RecipientFacts(), RecipientFacts("classical")], {"evidence-recipient-malformed"}),
}


@pytest.mark.parametrize(("recipients", "found"), EVIDENCE.values(), ids=EVIDENCE)
def test_who_opens_evidence(recipients: list[RecipientFacts], found: set[str]) -> None:
    named = ", ".join(f'"age1pq1evidence{number}aaaa"' for number in range(len(recipients)))
    text = GOOD.replace('interface = "eth1"', f'interface = "eth1"\nevidence_recipients = [{named}]')
    findings = posture(parse_config(text.encode()), replace(FACTS, evidence_recipients=recipients))
    assert {each.id for each in findings if each.id.startswith("evidence")} == found


def test_the_cas_that_the_sensor_reads() -> None:
    def findings(text: str, **facts: Any) -> list[tuple[str, str, str]]:
        said = posture(parse_config(text.encode()), replace(FACTS, **facts))
        return [(each.id, each.subject, each.what) for each in said if each.id.startswith("sensor-ca")]

    text = GOOD.replace('interface = "eth1"', 'interface = "eth1"\nca = "/etc/appliance/site-ca.crt"')
    assert findings(text) == []
    unusable = {"sensor_ca_error": "this is no file", "sensor_knows_us": False}
    assert findings(text, **unusable) == [("sensor-ca-unusable", "sensor.ca", "this is no file")]
    what = "/etc/appliance/site-ca.crt does not lead to the certificate of this box"
    assert findings(text, sensor_knows_us=False) == [("sensor-ca-not-ours", "sensor.ca", what)]


RESPOND = {
    "armed at a mirror": ("block", "mirror", "", {"respond-self-only"}),
    "armed for this box": ("block", "host", "", set()),
    "armed as a bridge": ("block", "inline", "", set()),
    "armed without bounds": ("block", "inline", "cannot read it", {"respond-file"}),
    "a dry-run": ("dry-run", "inline", "", {"respond-dry-run"}),
    "a dry-run without bounds": ("dry-run", "inline", "cannot read it", {"respond-dry-run", "respond-file-dry-run"}),
    "off": ("off", "mirror", "", set()),
}


@pytest.mark.parametrize(("respond", "mode", "error", "found"), RESPOND.values(), ids=RESPOND)
def test_what_blocking_protects(respond: str, mode: str, error: str, found: set[str]) -> None:
    text = GOOD.replace('interface = "eth1"', f'interface = "eth1"\nmode = "{mode}"\nrespond = "{respond}"')
    findings = posture(parse_config(text.encode()), replace(FACTS, respond_error=error))
    assert {each.id for each in findings if each.id.startswith("respond")} == found
    assert [each.what for each in findings if each.severity == "error"] == (
        [error] if respond == "block" and error else []
    )


def test_without_an_identity_no_destination_may_need_plaintext() -> None:
    assert found(SEALED_ONLY, FACTS) == []
    both = SEALED_ONLY + GOOD[GOOD.index("[[dest") : GOOD.index("[[route]]")].replace('"pacs"', '"clear"')
    ids = [(each.severity, each.id) for each in posture(parse_config(both.encode()), FACTS)]
    assert ids[0] == ("error", "identity-missing")


def test_each_kind_has_an_id_of_its_own_a_reason_and_a_way_out() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.why.endswith(".") and rule.fix.endswith(".")


def test_each_kind_is_made_by_one_of_these_tests() -> None:
    tested = Path(__file__).read_text()
    assert [rule.id for rule in RULES if f'"{rule.id}"' not in tested] == []
