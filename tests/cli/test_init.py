"""`appliance init`: modes, refusal to overwrite, the kit that is shown once, and that real tools take what it made."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli.main import run
from appliance.config.load import load_config
from appliance.host.certificate_facts import read_certificates
from appliance.host.credentials import read_secret
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_identity
from tests.cli.sites import PACS, make_site


def modes(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): oct(stat.S_IMODE(path.stat().st_mode))[2:]
        for path in sorted(directory.rglob("*"))
    }


def test_files_and_their_modes(tmp_path: Path) -> None:
    make_site(tmp_path / "etc")
    found = modes(tmp_path / "etc")
    issued = {found.pop(each) for each in list(found) if each.startswith("tls/site-ca.issued/")}
    assert issued == {"444"}
    assert found == {
        "appliance.toml": "644",
        "keys": "700",
        "keys/identity": "400",
        "keys/index-key": "400",
        "kit": "400",
        "tls": "755",
        "tls/appliance-client.crt": "444",
        "tls/appliance-client.key": "400",
        "tls/appliance.crt": "444",
        "tls/appliance.key": "400",
        "site-ca.crt": "444",
        "tls/site-ca.crl": "444",
        "tls/site-ca.crt": "444",
        "tls/site-ca.issued": "755",
        "tls/site-ca.key": "400",
    }


@pytest.mark.parametrize("classical", [False, True])
def test_the_configuration_names_the_keys_that_were_made(tmp_path: Path, classical: bool) -> None:
    config = load_config(make_site(tmp_path, "--ae-title", "EDGE 7", *(["--classical"] if classical else [])))
    assert config.appliance.ae_title == "EDGE 7"
    assert config.vault.identity
    box = parse_identity(read_secret(config.vault.identity))
    recovery = parse_identity(read_secret(f"file:{tmp_path}/kit"))
    assert config.vault.recipients == (str(box.recipient), str(recovery.recipient))
    assert box.recipient.kind == ("classical" if classical else "hybrid")
    index_key = read_secret(config.vault.index_key)
    IndexKey.parse(index_key)
    assert index_key in (tmp_path / "kit").read_text()


def test_the_configuration_holds_no_secret(tmp_path: Path) -> None:
    text = make_site(tmp_path).read_text()
    assert "SECRET" not in text.upper()
    assert "index-key-1" not in text


def test_certificates_are_for_their_programs(tmp_path: Path) -> None:
    make_site(tmp_path, "--name", "10.20.0.1")
    (server,) = read_certificates((tmp_path / "tls/appliance.crt").read_bytes())
    (client,) = read_certificates((tmp_path / "tls/appliance-client.crt").read_bytes())
    assert (server.serves, server.calls, client.serves, client.calls) == (True, False, False, True)
    assert server.names == client.names == ("edge.example", "10.20.0.1")


@pytest.mark.parametrize("there", ["appliance.toml", "keys/identity", "keys/index-key", "tls/appliance.key", "kit"])
def test_nothing_is_overwritten_and_nothing_is_left(
    tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("precious")
    before = modes(tmp_path)
    arguments = ["init", "--dir", str(tmp_path), "--with-ca", "--recovery-file", str(tmp_path / "kit")]
    assert run(arguments) == 70
    assert f"{path} exists already" in capsys.readouterr().err
    assert modes(tmp_path) == before
    assert path.read_text() == "precious"


def test_without_a_ca_it_says_what_to_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_site(tmp_path / "a b", "--name", "10.20.0.1", ca=False)
    said = capsys.readouterr().err
    assert not list((tmp_path / "a b/tls").iterdir())
    assert run(["check", "--config", str(config)]) == 78
    # What it says is done, word by word, with OpenSSL as the hospital's CA.
    monkeypatch.chdir(tmp_path)
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key"]
    made = ["openssl", "req", "-x509", *key, "-subj", "/CN=Hospital", *usage, "-out", "ca.pem"]
    subprocess.run(made, check=True, capture_output=True)
    trusted, *others = re.findall(r"^ {7}appliance (certs .*)$", said, re.MULTILINE)
    assert run(shlex.split(trusted.replace("CA-FILE", "ca.pem"))) == 0
    with config.open("a") as file:
        file.write(PACS.format(name="pacs", tls=tmp_path / "a b/tls"))
    for asked, installed, request in zip(others[::2], others[1::2], ("edge.csr", "client.csr"), strict=True):
        assert run(shlex.split(asked)) == 0
        sign = ["-in", request, "-CA", "ca.pem", "-CAkey", "ca.key", "-copy_extensions", "copyall", "-out", "leaf.pem"]
        subprocess.run(["openssl", "x509", "-req", *sign], check=True, capture_output=True)
        shown = subprocess.run(
            ["openssl", "x509", "-in", "leaf.pem", "-noout", "-text"], capture_output=True, text=True
        )
        assert "DNS:edge.example, IP Address:10.20.0.1" in shown.stdout
        assert run([each.replace("CERTIFICATE", "leaf.pem") for each in shlex.split(installed)]) == 0
    assert modes(tmp_path / "a b")["tls/appliance.key"] == "400"
    assert run(["check", "--config", str(config)]) == 0


def test_the_kit_is_not_written_into_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--dir", str(tmp_path / "etc")]) == 70
    assert "the recovery kit would end in a pipe or a file" in capsys.readouterr().err
    assert not (tmp_path / "etc").exists()


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Run the command with stdout on a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "appliance", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # EIO: the other end is closed
            pass
        os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_the_kit_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    status, kit = on_a_terminal("init", "--dir", str(tmp_path))
    assert status == 0
    secret = kit.splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-PQ-1")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_text()]
    assert str(parse_identity(secret).recipient) in (tmp_path / "appliance.toml").read_text()


def test_the_kit_as_it_stands_opens_objects_with_age(tmp_path: Path) -> None:
    recipients = load_config(make_site(tmp_path, "--classical")).vault.recipients
    sealed = subprocess.run(["age", "-r", recipients[1]], input=b"image", capture_output=True, check=True).stdout
    opened = subprocess.run(["age", "-d", "-i", tmp_path / "kit"], input=sealed, capture_output=True, check=True)
    assert opened.stdout == b"image"
    sealed = subprocess.run(["age", "-r", recipients[0]], input=b"image", capture_output=True, check=True).stdout
    opened = subprocess.run(
        ["age", "-d", "-i", tmp_path / "keys/identity"], input=sealed, capture_output=True, check=True
    )
    assert opened.stdout == b"image"


def test_odd_directories_are_quoted(tmp_path: Path) -> None:
    directory = tmp_path / 'a "b" \\ #'
    assert load_config(make_site(directory)).receive.key == directory / "tls/appliance.key"


def test_a_directory_that_cannot_be_named_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--dir", str(tmp_path / "a\nb"), "--recovery-file", str(tmp_path / "kit")]) == 78
    assert "a path is written from the root" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_examples_in_it_are_right(tmp_path: Path) -> None:
    """What stands in comments can be used as it is, once the marks are removed."""
    path = make_site(tmp_path)
    lines = [re.sub(r"^# ?(?=(\[|[a-z_]+ +=|listen_plain|called))", "", line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    config = load_config(path)
    assert (config.peer[0].name, config.destination[0].name, config.route[0].to) == ("CT suite 2", "pacs", ("pacs",))
    assert config.sensor and config.receive.listen_plain and config.called_ae_titles == ("EDGE01", "PACS")
    assert run(["check", "--config", str(path)]) == 0


def test_a_machine_is_told_what_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_site(tmp_path / "etc", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["config"] == str(config) and set(map(Path, answer["made"])) == {
        each for each in (tmp_path / "etc").rglob("*") if each.is_file()
    }
    assert answer["recipient"] in config.read_text() and "SECRET" not in str(answer)
