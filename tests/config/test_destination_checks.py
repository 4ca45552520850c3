"""Each kind of [[destination]]: what may be said, what is refused, and in which words."""

from __future__ import annotations

import pytest

from appliance.config.destinations import ObjectStoreDestination, StowDestination
from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config

HEAD = """\
[appliance]
ae_title = "EDGE01"
[receive]
listen_plain = ["[::]:104"]
[vault]
recipients = ["age1pq1qqqqqqqqqq"]
[[destination]]
name = "up"
"""
DIMSE = 'kind = "dimse"\naddress = "pacs:104"\nae_title = "PACS"\ntls = "never"\n'
STOW = 'kind = "stow"\nurl = "https://pacs.example/dicom-web"\nca = "/ca.crt"\n'
OAUTH = 'oauth = { token_url = "https://id.example/token", client_id = "edge", client_secret = "file:/secret" }\n'
KEYS = 'access_key_id = "edge"\nsecret_access_key = "credential:s3"\n'
BUCKET = f'kind = "object-store"\nurl = "s3://sealed/edge01"\nendpoint = "https://s3.example"\n{KEYS}'
FILE = 'kind = "object-store"\nurl = "file:///mnt/archive"\n'


def problems(entry: str) -> list[str]:
    try:
        parse_config((HEAD + entry).encode(), "a.toml")
    except ConfigErrors as caught:
        return [f"{each.line - HEAD.count(chr(10))} {each.key}: {each.message}" for each in caught.problems]
    return []


@pytest.mark.parametrize(
    "entry",
    [
        STOW,
        STOW + 'token = "credential:token"\nproof = "query"\nassociations = 4\nserver_name = "pacs"\n',
        STOW + OAUTH + 'certificate = "/a.crt"\nkey = "/a.key"\ntransfer_syntaxes = ["1.2.840.10008.1.2.1"]\n',
        'kind = "stow"\nurl = "http://10.0.0.1:8042/dicom-web"\n',
        DIMSE + 'on_unsupported = "transcode"\n',
        DIMSE + 'on_unsupported = "hold"\n',
        BUCKET + 'path_style = false\nregion = "eu-central-1"\nca = "/ca.crt"\nproof = "read-back"\n',
        f'kind = "object-store"\nurl = "s3://sealed"\nregion = "eu-central-1"\n{KEYS}',
        FILE,
    ],
)
def test_what_may_be_said(entry: str) -> None:
    assert problems(entry) == []


def test_what_was_said_is_what_is_there() -> None:
    stow = parse_config((HEAD + STOW.replace("dicom-web", "dicom-web/") + OAUTH).encode()).destination[0]
    assert isinstance(stow, StowDestination)
    assert stow.url == "https://pacs.example/dicom-web"
    assert stow.secrets == {"oauth.client_secret": "file:/secret"}
    bucket = parse_config((HEAD + BUCKET).encode()).destination[0]
    assert isinstance(bucket, ObjectStoreDestination)
    assert (bucket.url.bucket, bucket.url.prefix, bucket.where) == ("sealed", "edge01", "s3://sealed/edge01")
    assert bucket.secrets == {"secret_access_key": "credential:s3"}


REFUSED = {
    "no kind": ('url = "file:///x"\n', '-1 destination "up".kind: missing; "dimse", "stow" or "object-store"'),
    "no such kind": (
        'kind = "stwo"\n',
        '1 destination "up".kind: "stwo" is none of "dimse", "stow" or "object-store"; did you mean "stow"?',
    ),
    "kind that is no text": (
        "kind = 5\n",
        '1 destination "up".kind: 5 is none of "dimse", "stow" or "object-store"',
    ),
    "key of one other kind": (
        STOW + 'ae_title = "PACS"\n',
        '4 destination "up".ae_title: unknown key with kind = "stow"; it belongs to kind = "dimse"',
    ),
    "key of two other kinds": (
        FILE + 'certificate = "/a.crt"\nkey = "/a.key"\n',
        '3 destination "up".certificate: unknown key with kind = "object-store"; it belongs to kind = "dimse" or '
        '"stow"',
    ),
    "transcoding for what is no C-STORE": (
        STOW + 'on_unsupported = "transcode"\n',
        '4 destination "up".on_unsupported: unknown key with kind = "stow"; it belongs to kind = "dimse"',
    ),
    "a policy that there is not": (
        DIMSE + 'on_unsupported = "drop"\n',
        '5 destination "up".on_unsupported: "drop" is none of "hold" or "transcode"',
    ),
    "key that nobody knows": (FILE + "prof = 1\n", '3 destination "up".prof: unknown key; did you mean "proof"?'),
    "proof of another kind": (
        FILE + 'proof = "query"\n',
        '3 destination "up".proof: "query" is none of "status" or "read-back"',
    ),
    "key of OAuth that nobody knows": (
        STOW + OAUTH.replace("client_id", "client_name"),
        '4 destination "up".oauth.client_name: unknown key; did you mean "client_id"?',
    ),
    "a secret in the file": (
        STOW + 'token = "eyJhbGciOi"\n',
        '4 destination "up".token: (a secret, not shown) will not do; a secret is named by where it lies: '
        '"credential:NAME" or "file:/absolute/path"',
    ),
    "HTTPS without CA": (
        STOW.replace('ca = "/ca.crt"\n', ""),
        '-1 destination "up".ca: missing; HTTPS needs the CA that signed its certificate; for one of a public CA that '
        'is "/etc/ssl/certs/ca-certificates.crt"',
    ),
    "half a pair": (
        STOW + 'certificate = "/a.crt"\n',
        '4 destination "up".certificate: certificate and key go together; key is missing',
    ),
    "two ways of one thing": (
        STOW + 'token = "credential:t"\n' + OAUTH,
        '5 destination "up".oauth: token and oauth are two ways of one thing; leave one of them out',
    ),
    "a token in cleartext": (
        'kind = "stow"\nurl = "http://pacs.example"\ntoken = "credential:t"\n',
        '3 destination "up".token: over http:// anybody on the way could take the token; use https://',
    ),
    "a secret in cleartext": (
        STOW + OAUTH.replace("https:", "http:"),
        '4 destination "up".oauth.token_url: over http:// anybody on the way could take the secret; use https://',
    ),
    "a secret in a URL": (
        STOW.replace("https://", "https://edge:secret@"),
        '2 destination "up".url: (an address with a secret in it, not shown) will not do; the URL of a service is '
        'written like "https://pacs.rad.example/dicom-web": no user, no query, no fragment',
    ),
    "a bucket without keys": (
        BUCKET.replace(KEYS, ""),
        '2 destination "up".url: a bucket needs access_key_id and secret_access_key too',
    ),
    "a bucket that is nowhere": (
        BUCKET.replace('endpoint = "https://s3.example"\n', ""),
        '2 destination "up".url: a bucket needs endpoint = "https://…" of its service, or its AWS region',
    ),
    "keys of a bucket for a directory": (
        FILE + 'region = "x"\n',
        '3 destination "up".region: with a file:// URL this is not looked at; leave one of them out',
    ),
    "a CA that nobody looks at": (
        BUCKET.replace("https:", "http:") + 'ca = "/ca.crt"\n',
        '6 destination "up".ca: with an http:// endpoint there is no TLS; leave one of them out',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    entry, said = REFUSED[case]
    assert said in problems(entry)


def test_an_entry_that_is_no_table() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(b"destination = [3]")
    assert "destination #1: this is a whole number; a section is meant, [[destination]]" in str(caught.value)
