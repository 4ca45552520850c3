"""Broken configurations, each with exactly what an admin reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.base.limits import CONFIG_FILE
from appliance.config.errors import ConfigErrors
from appliance.config.load import load_config, parse_config
from tests.config.files import VALID


def line_of(text: str, fragment: str) -> int:
    return text[: text.index(fragment)].count("\n") + 1


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigErrors) as caught:
        parse_config(raw, "a.toml")
    return [str(problem) for problem in caught.value.problems]


def test_the_valid_file_is_valid() -> None:
    config = parse_config(VALID.encode())
    assert config.called_ae_titles == ("EDGE01", "PACS")
    assert config.peer[0].addresses[1].num_addresses == 8
    assert str(config.receive.listen[0]) == "[::]:2762"
    assert (config.receive.idle, config.vault.keep) == (300.0, 259200.0)
    assert config.vault.min_free.of(1000) == 100


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    marked = parse_config(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())
    assert marked.model_dump() == parse_config(VALID.encode()).model_dump()


# (what stands in the valid file, what stands there instead, the line's fragment that must be named, the message)
BROKEN = {
    "unknown key": (
        "workers = 0",
        "workrs = 0",
        "workrs",
        'receive.workrs: unknown key; did you mean "workers"?',
    ),
    "unknown key that belongs elsewhere": (
        "workers = 0",
        'state_dir = "/x"',
        'state_dir = "/x"',
        "receive.state_dir: unknown key here; it belongs to [appliance]",
    ),
    "unknown key that nothing resembles": (
        "[sensor]\n",
        "[sensor]\nzzz = 1\n",
        "zzz",
        "sensor.zzz: unknown key; "
        "known here: interface, mode, decoy_ae, decoy_port, local, vlans, dhcp_servers, moving, server, "
        "ca, respond, respond_rules, respond_for, respond_file, "
        "evidence_recipients, evidence_quota",
    ),
    "unknown section": ("[sensor]", "[senser]", "[senser]", 'senser: unknown section; did you mean [sensor]?'),
    "unknown key in braces": (
        "modality = [",
        "modalities = [",
        "modalities",
        'route #1.when.modalities: unknown key; did you mean "modality"?',
    ),
    "an entry is called by its name": (
        'address = "pacs.rad.example:2762"',
        'address = "pacs.rad.example"',
        'address = "pacs.rad.example"',
        'destination "pacs".address: "pacs.rad.example" will not do; an address with its port is written like '
        '"pacs.example:2762" or "[2001:db8::1]:2762"; the port is missing',
    ),
    "missing key": (
        'ae_titles = ["MR1"]\n',
        "",
        '[[peer]]\nname = "MR 1"',
        'peer "MR 1".ae_titles: missing; the AE titles that the device calls itself, like ["CT_SUITE2"]',
    ),
    "empty list": (
        '["pacs"]',
        "[]",
        "to = []",
        'route #1.to: the list is empty; the names of destinations, like ["pacs"]',
    ),
    "text for a list": (
        '["MR1"]\naddr',
        '"MR1"\naddr',
        'ae_titles = "MR1"',
        'peer "MR 1".ae_titles: this is text; a list is meant, ["MR1"]',
    ),
    "number for a list": (
        '["MR1"]\naddr',
        "7\naddr",
        "ae_titles = 7",
        'peer "MR 1".ae_titles: this is a whole number; a list is meant, [7]',
    ),
    "an item of a list over several lines": (
        '["10.20.0.11", "10.20.0.16/29"]',
        '[\n  "10.20.0.11",\n  "10.20.0.256",\n]',
        "10.20.0.256",
        'peer "CT suite 2".addresses #2: "10.20.0.256" will not do; an address is written like "10.20.0.11", '
        'a range like "10.20.0.16/29"',
    ),
    "range that does not begin at its beginning": (
        "10.20.0.16/29",
        "10.20.0.17/29",
        "10.20.0.17/29",
        'peer "CT suite 2".addresses #2: "10.20.0.17/29" will not do; that address is inside a range and does not '
        'begin it; the range is "10.20.0.16/29"',
    ),
    "no such choice": (
        'tls = "allowed"',
        'tls = "allow"',
        '"allow"',
        'peer "MR 1".tls: "allow" is none of "required", "allowed" or "never"; did you mean "allowed"?',
    ),
    "yes where there are several": (
        'tls = "allowed"',
        "tls = true",
        "tls = true",
        'peer "MR 1".tls: true is none of "required", "allowed" or "never"; did you mean "required"?',
    ),
    "no in words": (
        'tls = "allowed"',
        'tls = "off"',
        'tls = "off"',
        'peer "MR 1".tls: "off" is none of "required", "allowed" or "never"; did you mean "never"?',
    ),
    "no such service": (
        '["echo", "store", "commit"]',
        '["echo", "find", "commit"]',
        '"find"',
        'peer "CT suite 2".services #2: "find" is none of "echo", "store" or "commit"',
    ),
    "no such kind": (
        '"dimse"',
        '"ftp"',
        '"ftp"',
        'destination "pacs".kind: "ftp" is none of "dimse", "stow" or "object-store"',
    ),
    "a place for reports that nobody asks for": (
        '["echo", "store", "commit"]',
        '["echo", "store"]',
        "commitment",
        'peer "CT suite 2".commitment: the peer may not ask for commitment; add "commit" to its services, '
        "or leave this out",
    ),
    "half a pair of commitment": (
        'certificate = "/report.crt", ',
        "",
        "commitment",
        'peer "CT suite 2".commitment.key: key and certificate go together; certificate is missing',
    ),
    "identity from nowhere": (
        '"file:/etc/appliance/keys/identity"',
        '"unlok"',
        '"unlok"',
        'vault.identity: "unlok" will not do; a secret is named by where it lies: "credential:NAME" or '
        '"file:/absolute/path", or "unlock"',
    ),
    "proof that is none of a PACS": (
        'kind = "dimse"',
        'kind = "dimse"\nproof = "query"',
        "proof",
        'destination "pacs".proof: "query" is none of "status" or "commitment"',
    ),
    "hours that are none": (
        '"06:00-22:00"',
        '"6-22"',
        '"6-22"',
        'peer "CT suite 2".hours: "6-22" will not do; hours are written like "06:00-22:00"; several with commas '
        'between, over midnight like "22:00-06:00"',
    ),
    "TLS profile that is none": (
        '"bcp195"',
        '"legcy"',
        '"legcy"',
        'peer "CT suite 2".tls_profile: "legcy" is none of "bcp195" or "legacy"; did you mean "legacy"?',
    ),
    "section that is a key": (
        "[sensor]",
        "[respond]\n[sensor]",
        "[respond]",
        'respond: unknown section here; it is a key of [sensor]',
    ),
    "quoted number": (
        "workers = 0",
        'workers = "0"',
        'workers = "0"',
        'receive.workers: "0" will not do; a whole number is meant, without quotes',
    ),
    "number beyond its limit": (
        "workers = 0",
        "workers = 17",
        "workers = 17",
        "receive.workers: 17 will not do; 0 to 16 processes are possible: 0 is one a core; more than cores only costs "
        "memory",
    ),
    "quoted truth": (
        "accept = true",
        'accept = "true"',
        "accept",
        'peer "CT suite 2".accept: "true" will not do; true or false is meant, without quotes',
    ),
    "duration without a unit": (
        '"5min"',
        "300",
        "idle = 300",
        'receive.idle: 300 will not do; a duration is written like "30s", "15min", "72h" or "7d"',
    ),
    "duration beyond its limit": (
        'artim = "10s"',
        'artim = "100ms"',
        "100ms",
        'receive.artim: "100ms" will not do; 1 to 120 s are possible: transport open to a whole A-ASSOCIATE-RQ, '
        "PS3.8 9.1.5",
    ),
    "share of more than there is": (
        '"10%"',
        '"110%"',
        "110%",
        'vault.min_free: "110%" will not do; an amount of storage is written like "10GiB" or "10%" '
        "(above nothing, 90% at most)",
    ),
    "AE title that is too long": (
        '"MR1"]\naddr',
        '"MR1_WITH_A_LONG_NAME"]\naddr',
        "LONG_NAME",
        'peer "MR 1".ae_titles #1: "MR1_WITH_A_LONG_NAME" will not do; an AE title has 1 to 16 printable ASCII '
        "characters, no backslash, not all spaces",
    ),
    "UID that is none": (
        '"1.2.840.10008.1.2.1"]',
        '"1.2.840.10008.01.2.1"]',
        "10008.01",
        'destination "pacs".transfer_syntaxes #1: "1.2.840.10008.01.2.1" will not do; a UID has digits and dots, '
        "no leading zeros, 64 characters at most",
    ),
    "path that depends on where one stands": (
        '"/etc/appliance/tls/client.crt"',
        '"tls/client.crt"',
        "tls/client.crt",
        'destination "pacs".certificate: "tls/client.crt" will not do; a path is written from the root, like '
        '"/etc/appliance/tls/site-ca.crt"',
    ),
    "certificate without its kind": (
        '"san:ct1.rad.example"',
        '"ct1.rad.example"',
        '"ct1.rad.example"',
        'peer "CT suite 2".certificate: "ct1.rad.example" will not do; a certificate is bound by name, '
        '"san:ct1.rad.example", or by print, "sha256:…"',
    ),
    "fingerprint that is cut": (
        '"san:ct1.rad.example"',
        '"sha256:AB:CD"',
        "AB:CD",
        'peer "CT suite 2".certificate: "sha256:AB:CD" will not do; a SHA-256 fingerprint has 64 hex digits; '
        "`openssl x509 -fingerprint -sha256` prints it",
    ),
    "SSH key as recipient": (
        '"age1pq1pppppppppp"',
        '"ssh-ed25519 AAAA"',
        "ssh-ed25519",
        'vault.recipients #2: "ssh-ed25519 AAAA" will not do; a recipient is written "age1…" (X25519) or "age1pq1…" '
        "(hybrid); SSH keys and plugins are not taken",
    ),
    "secret key as recipient": (
        '"age1pq1pppppppppp"',
        '"AGE-SECRET-KEY-1QQQQ"',
        "AGE-SECRET",
        "vault.recipients #2: (a secret key, not shown) will not do; that is a secret identity, here belongs its "
        "recipient (age1…); who could read this file could open objects, so make a new one",
    ),
    "name with a line break": (
        'name = "MR 1"',
        'name = "MR\\n1"',
        'name = "MR\\n1"',
        'peer "MR\\n1".name: "MR\\n1" will not do; a name has 1 to 64 letters, digits, inner spaces and . _ ( ) / + - '
        "signs",
    ),
    "interface that is too long": (
        '"eth1"',
        '"a-very-long-interface"',
        "a-very",
        'sensor.interface: "a-very-long-interface" will not do; an interface is named as `ip link` shows it, like '
        '"eth1", 15 characters at most',
    ),
    "modality in small letters": (
        '["CT", "MR"]',
        '["ct", "MR"]',
        '"ct"',
        'route #1.when.modality #1: "ct" will not do; a modality is written like "CT": capital letters, digits and _, '
        "16 at most",
    ),
    "text for a table": (
        "when = {",
        'when = "CT" # {',
        "when",
        'route #1.when: this is text; a table in braces is meant, like { modality = ["CT"] }',
    ),
    "one section where several are meant": (
        "[[route]]",
        "[route]",
        "[route]",
        "route: write [[route]] in two brackets, once for each",
    ),
    "several sections where one is meant": (
        "[sensor]",
        "[[sensor]]",
        "[[sensor]]",
        "sensor: write [sensor] in one bracket, once",
    ),
    "no listener": (
        'listen = ["[::]:2762"]\nlisten_plain = ["10.20.0.1:104"]\n',
        "",
        "[receive]",
        'receive.listen: there is no listener; in [receive], listen = ["[::]:2762"] is DICOM over TLS',
    ),
    "TLS listener without its files": (
        'certificate = "/etc/appliance/tls/appliance.crt"\nkey = "/etc/appliance/tls/appliance.key"\n',
        "",
        "listen = ",
        "receive.listen: a TLS listener needs certificate and key too",
    ),
    "TLS and cleartext on one port": (
        '["10.20.0.1:104"]',
        '["10.20.0.1:2762"]',
        '"10.20.0.1:2762"',
        'receive.listen_plain #1: "10.20.0.1:2762" is taken by listen already; each listener has a port of its own',
    ),
    "cleartext peer without cleartext listener": (
        'listen_plain = ["10.20.0.1:104"]\n',
        "",
        '"allowed"',
        'peer "MR 1".tls: "allowed" lets it come in cleartext, but listen_plain of [receive] names no cleartext '
        "listener",
    ),
    "TLS peer without TLS listener": (
        'listen = ["[::]:2762"]\n',
        "",
        'tls = "required"\ncertificate = "san',
        'peer "CT suite 2".tls: "required" lets it come over TLS only, but listen of [receive] names no TLS listener',
    ),
    "certificate of a peer that never shows one": (
        'tls = "required"\ncertificate = "san',
        'tls = "never"\ncertificate = "san',
        "certificate = \"san",
        'peer "CT suite 2".certificate: with tls = "never" it shows no certificate; leave one of them out',
    ),
    "two peers of one name": (
        'name = "MR 1"',
        'name = "CT suite 2"',
        'name = "CT suite 2"\nae_titles',
        'peer "CT suite 2".name: "CT suite 2" is the name of an earlier [[peer]]',
    ),
    "two destinations of one name": (
        "[[route]]",
        '[[destination]]\nname = "pacs"\nkind = "dimse"\naddress = "b:104"\nae_title = "B"\ntls = "never"\n[[route]]',
        'name = "pacs"\nkind = "dimse"\naddress = "b:104"',
        'destination "pacs".name: "pacs" is the name of an earlier [[destination]]',
    ),
    "one AE title at one address twice": (
        'ae_titles = ["MR1"]\naddresses = ["2001:db8::/64"]',
        'ae_titles = ["MR1", "CT_SOMATOM1"]\naddresses = ["10.20.0.20"]',
        '["MR1", "CT_SOMATOM1"]',
        'peer "MR 1".ae_titles #2: "CT_SOMATOM1" is claimed by peer "CT suite 2" too, at 10.20.0.20; nobody could say '
        "which of them called",
    ),
    "TLS destination without CA": (
        'ca = "/etc/appliance/tls/site-ca.crt"\ncertificate',
        "certificate",
        "[[destination]]",
        'destination "pacs".ca: missing; a TLS destination needs the CA that signed its certificate (or tls = "never" '
        "for cleartext)",
    ),
    "certificate without key": (
        'key = "/etc/appliance/tls/client.key"\n',
        "",
        'certificate = "/etc/appliance/tls/client.crt"',
        'destination "pacs".certificate: certificate and key go together; key is missing',
    ),
    "whose AE title to call with": (
        '"own"',
        '"theirs"',
        '"theirs"',
        'destination "pacs".calling_ae_title: "theirs" is none of "own" or "peer"',
    ),
    "route to nowhere": (
        '["pacs"]',
        '["pcas"]',
        '["pcas"]',
        'route #1.to #1: there is no [[destination]] named "pcas"; did you mean "pacs"?',
    ),
    "route of nobody": (
        'peer = ["CT suite 2"]',
        'peer = ["ultrasound"]',
        '["ultrasound"]',
        'route #1.when.peer #1: there is no [[peer]] named "ultrasound"; there are CT suite 2, MR 1',
    ),
    "decoy that is somebody": (
        '"ARCHIVE"',
        '"PACS"',
        'decoy_ae = "PACS"',
        'sensor.decoy_ae: "PACS" is the AE title of this box; a decoy is a title that nobody has',
    ),
    "decoy that is a server of others": (
        '"ARCHIVE"',
        '"READ1"',
        "decoy_ae",
        'sensor.decoy_ae: "READ1" is the AE title of sensor.server "Reading room"; a decoy is a title that nobody has',
    ),
    "decoy port that is a listener's": (
        "decoy_port = 11112",
        "decoy_port = 2762",
        "decoy_port",
        "sensor.decoy_port: port 2762 is one of listen of [receive]; a decoy is nobody's port",
    ),
    "decoy port in quotes": (
        "decoy_port = 11112",
        'decoy_port = "11112"',
        "decoy_port",
        'sensor.decoy_port: "11112" will not do; a port is a whole number from 1 to 65535, without quotes',
    ),
    "VLAN id that is none": (
        "vlans = [30]",
        "vlans = [4095]",
        "4095",
        "sensor.vlans #1: 4095 will not do; a VLAN id is a whole number from 1 to 4094, without quotes",
    ),
    "server of others without addresses": (
        'addresses = ["10.20.0.64/28"]',
        "addresses = []",
        "addresses = []",
        'sensor.server "Reading room".addresses: the list is empty; where it is, like ["10.20.0.5"]',
    ),
    "two servers of others with one name": (
        "server = [{",
        'server = [{ name = "Reading room", addresses = ["10.20.0.3"], ae_titles = ["A"] }, {',
        "server = [{",
        'sensor.server "Reading room".name: "Reading room" is the name of an earlier [[sensor.server]]',
    ),
    "something else that may be asked": (
        'asks = ["echo", "find", "move"]',
        'asks = ["query"]',
        "query",
        'sensor.server "Reading room".asks #1: "query" is none of "echo", "store", "commit", "find", "move", "get", '
        '"worklist", "mpps", "print" or "other"',
    ),
    "decoy that is a peer": (
        '"ARCHIVE"',
        '" MR1 "',
        "decoy_ae",
        'sensor.decoy_ae: "MR1" is the AE title of peer "MR 1"; a decoy is a title that nobody has',
    ),
    "directory that is too long for sockets": (
        '"/run/appliance"',
        f'"/run/{"a" * 86}"',
        "runtime_dir",
        "appliance.runtime_dir: the path is too long; 90 bytes at most, for sockets are made in it",
    ),
    "host with its port": (
        'server_name = "pacs.rad.example"',
        'server_name = "pacs.rad.example:2762"',
        'server_name = "pacs',
        'destination "pacs".server_name: "pacs.rad.example:2762" will not do; a host is written like '
        '"pacs.rad.example", without a port',
    ),
    # What is not TOML; more of it in test_slips.py.
    "text without its end": (
        '"EDGE01"\n',
        '"EDGE01\n',
        "ae_title",
        "a text must close with a quote on the line where it opens",
    ),
    "text without quotes": (
        '"EDGE01"\n',
        "EDGE01\n",
        "ae_title",
        'a text stands in "quotes"; only numbers, true and false go without',
    ),
    "key without a value": ("workers = 0", "workers", "workers", 'a key is followed by "=" and its value'),
    "a key twice": ("workers = 0", "workers = 0\nworkers = 1", "workers = 1",
        "this key stands here a second time; the first is in line 10"),
    "a section twice": (
        "[sensor]",
        "[vault]\n[sensor]",
        "[vault]\n[sensor]",
        "this section stands here a second time (the first is in line 44); only [[sections]] in two brackets may "
        "repeat",
    ),
    "list without its end": (
        '["MR1"]\naddr',
        '["MR1"\naddr',
        'ae_titles = ["MR1"\n',
        'the list that opens here is not closed with "]"',
    ),
    "section without its end": ("[vault]", "[vault", "[vault", 'a section closes with "]" on its line'),
    "backslash": (
        '"/run/appliance"',
        '"\\run\\appliance"',
        "runtime_dir",
        "a backslash in a text is written twice; or put the text in 'single quotes'",
    ),
    "two on a line": (
        "workers = 0",
        "workers = 0 max_pdu = 5000",
        "workers",
        "something stands behind the value; text is quoted, and each key has a line of its own",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_said_with_its_line(case: str) -> None:
    old, new, fragment, message = BROKEN[case]
    assert VALID.count(old) >= 1
    text = VALID.replace(old, new, 1)
    assert problems(text) == [f"a.toml:{line_of(text, fragment)}: {message}"]


def test_every_mistake_is_said_at_once_in_the_order_of_lines() -> None:
    text = "bogus = 1\n" + VALID.replace("workers = 0", "workers = -1").replace('["pacs"]', '["nowhere", 3]')
    found = problems(text)
    assert [problem.split(" ")[1] for problem in found] == ["bogus:", "receive.workers:", "route", "route"]


def test_a_mistake_in_a_section_does_not_hide_what_spans_sections() -> None:
    text = VALID.replace('"MR1"]\naddr', '"", "CT_SOMATOM1"]\naddr').replace('["2001:db8::/64"]', '["10.20.0.11", "x"]')
    assert [problem.split(";")[-1] for problem in problems(text)] == [
        " an AE title has 1 to 16 printable ASCII characters, no backslash, not all spaces",
        " nobody could say which of them called",
        " not a name",
    ]


def test_an_empty_file_says_what_must_be_there() -> None:
    assert problems("") == [
        "a.toml:1: appliance: missing; the section [appliance], which names this box",
        "a.toml:1: vault: missing; the section [vault], which says to whom objects are sealed",
        'a.toml:1: there is no listener; in [receive], listen = ["[::]:2762"] is DICOM over TLS',
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("appliance = 3", "appliance: this is a whole number; a section is meant, [appliance]"),
        ("peer = 'CT'", "peer: a section is meant, [[peer]]"),
        ("peer = [1]", "peer #1: this is a whole number; a section is meant, [[peer]]"),
        ("sensor = []", "sensor: a section is meant, [sensor]"),
        ("sensor = 1979-05-27", "sensor: this is a date or time; a section is meant, [sensor]"),
    ],
)
def test_a_value_where_a_section_is_meant(section: str, said: str) -> None:
    assert f"a.toml:1: {said}" in problems(section)


def test_a_peer_that_is_not_accepted_yet_claims_no_title() -> None:
    text = VALID.replace('["MR1"]\naddresses = ["2001:db8::/64"]', '["CT_SOMATOM1"]\naddresses = ["10.20.0.0/16"]')
    assert len(problems(text)) == 1
    parse_config(text.replace('tls = "allowed"', 'tls = "allowed"\naccept = false').encode())


def test_one_title_at_addresses_apart_is_fine() -> None:
    parse_config(
        VALID.replace('"MR1"]\naddresses = ["2001:db8::/64"]', '"CT_SOMATOM1"]\naddresses = ["10.20.0.12"]').encode()
    )


def test_bytes_that_are_not_utf8_are_said_with_their_line() -> None:
    assert problems(b'[appliance]\nae_title = "\xff"\n') == ["a.toml:2: that is not UTF-8; save the file as UTF-8"]
    assert problems(VALID.encode("utf-16")) == [
        "a.toml:1: that is UTF-16, which some editors call Unicode; save the file as UTF-8"
    ]
    assert problems(VALID.encode("utf-16-le")) == [
        "a.toml:1: there are NUL characters in it; save the file as plain text, UTF-8"
    ]


def test_a_number_that_is_too_long_to_be_written_is_said_at_any_key() -> None:
    number = "0x" + "f" * 9000
    lines = VALID.split("\n")
    for at, line in enumerate(lines):
        if " = " in line:
            edited = [*lines[:at], f"{line.partition('=')[0]}= {number}", *lines[at + 1 :]]
            assert problems("\n".join(edited)) == [f"a.toml:{at + 1}: a number is too long"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = " + "[" * 100_000, "a.toml:1: brackets are nested too deeply"),
        ("\nx = " + "1" * 5000, "a.toml:2: a number is too long"),
        ("x: " + ":" * 200_000 + '"""', 'a.toml:1: a key is followed by "=", not by ":"'),
        ("x = 1\ny = 2\nx = 3", "a.toml:3: this key stands here a second time; the first is in line 1"),
        ("#" * (CONFIG_FILE.ceiling + 1), f"a.toml: longer than {CONFIG_FILE.ceiling} bytes; {CONFIG_FILE.why}"),
    ],
)
def test_what_would_exhaust_a_reader_is_refused(text: str, said: str) -> None:
    assert problems(text) == [said]


def test_a_secret_that_is_pasted_anywhere_is_never_repeated() -> None:
    secret = "AGE-SECRET-KEY-1QPZRY9X8GF2TVDW"
    for text in (
        secret,
        f'{secret} = "{secret}"',
        VALID.replace("EDGE01", secret.lower()),
        VALID.replace('to = ["pacs"]', f'to = ["{secret}"]'),
        VALID.replace('name = "MR 1"', f'name = "{secret}"').replace('"allowed"', '"maybe"'),
        VALID.replace("[sensor]", f"[{secret}]"),
        VALID.replace("10%", "appliance-index-key-1qqqq"),
    ):
        said = "\n".join(problems(text)).upper()
        assert "QPZRY9X8" not in said
        assert "INDEX-KEY-1QQQQ" not in said


def test_a_file_is_loaded_and_named_in_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "appliance.toml"
    path.write_text(VALID)
    assert load_config(path) == parse_config(VALID.encode())
    path.write_text(VALID + "x = 1\n")
    with pytest.raises(ConfigErrors, match=rf"^{path}:{VALID.count(chr(10)) + 1}: sensor\.x: unknown key"):
        load_config(path)


def test_a_file_that_cannot_be_read_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as missing:
        load_config(tmp_path / "none.toml")
    assert str(missing.value) == f"{tmp_path}/none.toml: there is no such file; `appliance init` writes a first one"
    with pytest.raises(ConfigErrors, match=r": cannot be read: Is a directory$"):
        load_config(tmp_path)
    with pytest.raises(ConfigErrors, match=r": cannot be read: that is no path$"):
        load_config(Path("a\0b"))
    assert missing.value.exit_status == 78
    assert isinstance(missing.value, ConfigError)


def test_loading_imports_little_and_leaves_cryptography_alone() -> None:
    code = (
        "import sys, appliance.config.load;"
        "print(len(sys.modules), [m for m in ('cryptography', 'scapy', 'rich') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    count, loaded = out.stdout.split(" ", 1)
    assert loaded.strip() == "[]"
    assert int(count) < 320


def test_a_quiet_time_without_a_study_and_one_that_is_too_short_are_said() -> None:
    route = '[[route]]\nto = ["pacs"]\n'
    with pytest.raises(ConfigErrors) as caught:
        parse_config((VALID + route + 'when = { quiet = "10min" }\n').encode())
    assert 'without study = "complete" this is not looked at' in str(caught.value.problems[0])
    with pytest.raises(ConfigErrors) as caught:
        parse_config((VALID + route + 'when = { study = "complete", quiet = "1s" }\n').encode())
    assert "10 to 86400 s are possible" in str(caught.value.problems[0])
    with pytest.raises(ConfigErrors) as caught:
        parse_config((VALID + route + 'when = { study = "whole" }\n').encode())
    assert '"whole" is not "complete"' in str(caught.value.problems[0])
