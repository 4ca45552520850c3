"""`appliance keys`: what each command makes, shows and refuses; age and our own reader judge the results."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.limits import SCRYPT_WORK
from appliance.cli.main import run
from appliance.config.load import load_config
from appliance.host.credentials import read_secret, read_secrets
from appliance.seal.index_key import IndexKey
from appliance.seal.key_export import export_keys, read_keys
from appliance.seal.keys import generate_identity, parse_identity
from tests.cli.codes import of_svg
from tests.cli.sites import make_site
from tests.cli.terminal import on_a_terminal

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = make_site(tmp_path, "--classical")
    capsys.readouterr()
    return path


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o400)
    return path


def identity_file(config: Path) -> Path:
    return config.parent / "keys/identity"


def set_identity(config: Path, source: str) -> None:
    text = config.read_text()
    line = f'"file:{identity_file(config)}"'
    assert line in text
    config.write_text(text.replace(f"identity  = {line}", f'identity = "{source}"' if source else ""))


def follow(config: Path, printed: str) -> None:
    """Put the recipients that a command printed into the configuration, as a person does."""
    change = re.search(r"recipients = \[\n.*?\n\]", printed, re.DOTALL)
    assert change
    config.write_text(
        re.sub(r"recipients = \[\n.*?\n\]", change[0].replace("\\", ""), config.read_text(), flags=re.DOTALL)
    )


def sealed(recipient: str, content: bytes = b"image") -> bytes:
    return subprocess.run(["age", "-r", recipient], input=content, capture_output=True, check=True).stdout


# new


def test_new_makes_a_file_for_its_owner_alone_that_age_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "identity"
    assert run(["keys", "new", "-o", str(path), "--classical"]) == 0
    said = capsys.readouterr()
    assert "SECRET" not in said.out + said.err
    recipient = said.err.removeprefix("Recipient: ").strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert str(parse_identity(read_secret(f"file:{path}")).recipient) == recipient
    opened = subprocess.run(["age", "-d", "-i", path], input=sealed(recipient), capture_output=True, check=True)
    assert opened.stdout == b"image"
    assert run(["keys", "new", "-o", str(path)]) == 70
    assert "exists already" in capsys.readouterr().err


def test_new_into_a_pipe_and_not_onto_a_terminal() -> None:
    command = [sys.executable, "-m", "appliance", "keys", "new"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    identity = parse_identity(made.stdout.splitlines()[-1])
    assert identity.kind == "hybrid"
    assert made.stderr == f"Recipient: {identity.recipient}\n"
    refused = on_a_terminal("keys", "new")
    assert refused.status == 70 and "systemd-creds" in refused.seen and "SECRET" not in refused.seen


# show


def test_show_says_whose_recipients_are_whose_and_no_secret(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box, recovery = load_config(config).vault.recipients
    assert run(["keys", "show", "--config", str(config), "--json"]) == 0
    text = capsys.readouterr().out
    said = json.loads(text)
    assert [(each["recipient"], each["kind"], each["whose"]) for each in said["recipients"]] == [
        (box, "classical", "this box"),
        (recovery, "classical", "another: recovery, or a reader elsewhere"),
    ]
    assert said["identity"]["way"] == "theft-not-protected" and said["identity"]["state"] == "not running"
    secrets = [read_secret(f"file:{identity_file(config)}"), read_secret(f"file:{config.parent}/keys/index-key")]
    assert not any(secret in text for secret in secrets)
    kit = config.parent / "kit"
    assert run(["keys", "show", "--config", str(config), "-i", str(kit)]) == 0
    shown = capsys.readouterr().out
    (line,) = (line for line in shown.splitlines() if recovery[-12:] in line)
    assert recovery[:20] in line and line.endswith(str(kit))
    assert "SECRET" not in shown


def test_show_tells_a_kit_of_another_box(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = generate_identity("classical")
    (tmp_path / "other").write_text(stranger.export() + "\n")
    assert run(["keys", "show", "--config", str(config), "-i", str(tmp_path / "other")]) == 1
    ends = str(stranger.recipient)[:20], str(stranger.recipient)[-12:]
    assert "Nothing is sealed to {}…{} now".format(*ends) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "way", "state"),
    [
        ("credential:identity", "identity-by-credential", "not running"),
        ("unlock", "identity-by-unlock", "not running"),
        ("", "sealed-only", "absent"),
    ],
)
def test_show_knows_what_it_cannot_know(
    config: Path, source: str, way: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_identity(config, source)
    assert run(["keys", "show", "--config", str(config), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["identity"]["way"], said["identity"]["state"]) == (way, state)
    assert {each["whose"] for each in said["recipients"]} == {"not known here"}


# rotate


def test_a_rotation_leaves_both_identities_and_the_configuration_follows(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = identity_file(config)
    before, (old, recovery) = path.read_bytes(), load_config(config).vault.recipients
    assert run(["keys", "rotate", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert "SECRET" not in said.out + said.err
    new_text, old_text = read_secrets(f"file:{path}")
    new = str(parse_identity(new_text).recipient)
    assert path.read_bytes().endswith(before) and stat.S_IMODE(path.stat().st_mode) == 0o400
    assert str(parse_identity(old_text).recipient) == old
    assert load_config(config).vault.recipients == (old, recovery)
    follow(config, said.out)
    assert load_config(config).vault.recipients == (new, recovery)
    assert run(["check", "--config", str(config)]) == 0
    for recipient in (old, new):
        opened = subprocess.run(["age", "-d", "-i", path], input=sealed(recipient), capture_output=True, check=True)
        assert opened.stdout == b"image"
    capsys.readouterr()
    assert run(["keys", "show", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identity"]["older"] == [old]


def test_a_rotation_that_the_configuration_did_not_follow_is_said_again_and_makes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "rotate", "--config", str(config)]) == 0
    first = capsys.readouterr().out
    content = identity_file(config).read_bytes()
    assert run(["keys", "rotate", "--config", str(config)]) == 0
    again = capsys.readouterr()
    assert again.out == first and "No further one was made" in again.err
    assert identity_file(config).read_bytes() == content
    follow(config, again.out)
    assert run(["keys", "rotate", "--config", str(config), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["made"] and len(read_secrets(f"file:{identity_file(config)}")) == 3


def test_the_identity_of_another_box_is_not_rotated(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = identity_file(config)
    path.chmod(0o600)
    path.write_text(generate_identity("classical").export() + "\n")
    content = path.read_bytes()
    assert run(["keys", "rotate", "--config", str(config)]) == 78
    assert "belongs to a recipient of [vault]" in capsys.readouterr().err
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("source", "said"),
    [("credential:identity", "--pipe"), ("unlock", "--exported OLD --output NEW"), ("", "no identity")],
)
def test_a_rotation_says_how_where_it_has_no_file(
    config: Path, source: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_identity(config, source)
    assert run(["keys", "rotate", "--config", str(config)]) == 78
    assert said in capsys.readouterr().err


def test_a_rotation_in_a_pipe_is_for_credentials(config: Path) -> None:
    old = identity_file(config).read_bytes()
    box, recovery = load_config(config).vault.recipients
    set_identity(config, "credential:identity")
    command = [sys.executable, "-m", "appliance", "keys", "rotate", "--pipe", "--config", config]
    done = subprocess.run(command, input=old, capture_output=True, check=True)
    assert done.stdout.endswith(old)
    new = parse_identity(next(line for line in done.stdout.decode().splitlines() if line.startswith("AGE-")))
    follow(config, done.stderr.decode())
    assert load_config(config).vault.recipients == (str(new.recipient), recovery)
    assert identity_file(config).read_bytes() == old
    assert b"SECRET" not in done.stderr and box[-12:].encode() in done.stderr


def test_a_rotation_of_exported_keys_is_for_unlock(
    config: Path, passphrase: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = parse_identity(read_secret(f"file:{identity_file(config)}"))
    index_key = IndexKey.parse(read_secret(f"file:{config.parent}/keys/index-key"))
    old, new = tmp_path / "old.age", tmp_path / "new.age"
    old.write_bytes(export_keys([identity], index_key, PASSPHRASE, SCRYPT_WORK.floor))
    set_identity(config, "unlock")
    command = ["keys", "rotate", "--exported", str(old), "--output", str(new)]
    command += ["--passphrase-file", str(passphrase), "--config", str(config)]
    assert run(command) == 0
    said = capsys.readouterr()
    assert f"appliance unlock {new}" in said.err
    keys = read_keys(new.read_bytes(), PASSPHRASE)
    assert keys.identities[1].export() == identity.export() and keys.index_key.export() == index_key.export()
    assert str(keys.identities[0].recipient) in said.out
    assert stat.S_IMODE(new.stat().st_mode) == 0o400
    assert run(command) == 78
    assert "exists already" in capsys.readouterr().err


# export


def test_an_export_asks_twice_shows_nothing_and_opens_with_age(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "keys.age"
    typing = [("New passphrase", PASSPHRASE), ("once more", PASSPHRASE)]
    done = on_a_terminal("keys", "export", "-o", out, "--config", config, typing=typing)
    assert done.status == 0, done.seen
    assert PASSPHRASE not in done.seen and "SECRET" not in done.seen
    keys = read_keys(out.read_bytes(), PASSPHRASE)
    assert [each.export() for each in keys.identities] == read_secrets(f"file:{identity_file(config)}")
    assert keys.index_key.export() == read_secret(f"file:{config.parent}/keys/index-key")
    assert stat.S_IMODE(out.stat().st_mode) == 0o400
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and PASSPHRASE.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("typing", "said"),
    [
        ([("New passphrase", PASSPHRASE), ("once more", PASSPHRASE + "!")], "differ"),
        ([("New passphrase", "hospital"), ("once more", "hospital")], "too easy to guess"),
    ],
)
def test_an_export_under_a_bad_passphrase_is_none(
    config: Path, tmp_path: Path, typing: list[tuple[str, str]], said: str
) -> None:
    done = on_a_terminal("keys", "export", "-o", tmp_path / "keys.age", "--config", config, typing=typing)
    assert done.status in (65, 78) and said in done.seen
    assert not (tmp_path / "keys.age").exists()


def test_an_export_to_standard_output_with_a_passphrase_from_elsewhere(config: Path, passphrase: Path) -> None:
    reading = os.open(passphrase, os.O_RDONLY)
    try:
        for option in (("--passphrase-file", str(passphrase)), ("--passphrase-fd", str(reading))):
            command = [sys.executable, "-m", "appliance", "keys", "export", *option, "--config", str(config)]
            done = subprocess.run(command, capture_output=True, check=True, pass_fds=[reading], start_new_session=True)
            assert len(read_keys(done.stdout, PASSPHRASE).identities) == 1
    finally:
        os.close(reading)


def test_without_a_terminal_or_with_an_open_file_there_is_no_passphrase(config: Path, passphrase: Path) -> None:
    command = [sys.executable, "-m", "appliance", "keys", "export", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True)
    assert done.returncode == 70 and "--passphrase-file" in done.stderr and not done.stdout
    passphrase.chmod(0o444)
    done = subprocess.run([*command, "--passphrase-file", passphrase], capture_output=True, text=True)
    assert done.returncode == 78 and "others may read" in done.stderr and not done.stdout


def test_what_a_person_keeps_cannot_be_exported_from_here(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_identity(config, "unlock")
    assert run(["keys", "export", "--config", str(config)]) == 78
    assert "a person gives the identity" in capsys.readouterr().err


# kit


def test_a_new_kit_is_shown_once_and_its_codes_are_read_back(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box, old = load_config(config).vault.recipients
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    assert run(["keys", "kit", "--format", "html", "--config", str(config)]) == 0
    said = capsys.readouterr()
    (index,), (secret,) = (of_svg(svg) for svg in re.findall(r"<svg.*?</svg>", said.out, re.DOTALL))
    recovery = parse_identity(secret)
    assert IndexKey.parse(index).export() == read_secret(f"file:{config.parent}/keys/index-key")
    assert "SECRET" not in said.err
    assert {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()} == before
    follow(config, said.err)
    assert load_config(config).vault.recipients == (box, str(recovery.recipient))
    assert old not in config.read_text()


def test_a_kit_is_not_made_for_a_pipe_nobody_asked_for(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "kit", "--config", str(config)]) == 70
    assert "pipe or a file" in capsys.readouterr().err
    shown = on_a_terminal("keys", "kit", "--config", config)
    assert shown.status == 0 and "\x1b[30;107m" in shown.seen and "AGE-SECRET-KEY-1" in shown.seen


def test_of_several_readers_the_old_kit_must_be_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box, recovery = load_config(config).vault.recipients
    third = str(generate_identity("classical").recipient)
    config.write_text(config.read_text().replace(f'"{recovery}",', f'"{recovery}",\n"{third}",'))
    command = ["keys", "kit", "--format", "text", "--config", str(config)]
    assert run(command) == 78
    assert "--replaces" in capsys.readouterr().err
    assert run([*command, "--replaces", recovery]) == 0
    follow(config, capsys.readouterr().err)
    recipients = load_config(config).vault.recipients
    assert (recipients[0], recipients[2]) == (box, third) and recovery not in recipients


# unlock, as far as it goes without forward


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1QQQQ\n", "age1abc\n", "x" * 200_000])
def test_what_is_no_identity_is_not_sent_and_not_repeated(
    config: Path, content: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_identity(config, "unlock")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert run(["unlock", "-", "--config", str(config)]) in (65, 78)
    said = capsys.readouterr().err
    assert "QQQQ" not in said and "age1abc" not in said and "xxx" not in said


def test_what_is_typed_to_unlock_is_not_shown(config: Path, tmp_path: Path) -> None:
    set_identity(config, "unlock")
    secret = read_secret(f"file:{identity_file(config)}")
    done = on_a_terminal("unlock", "--config", config, typing=[("Identity", secret)])
    assert done.status == 70 and "forward does not answer" in done.seen and secret not in done.seen
    index_key = IndexKey.parse(read_secret(f"file:{config.parent}/keys/index-key"))
    exported = tmp_path / "keys.age"
    exported.write_bytes(export_keys([], index_key, PASSPHRASE, SCRYPT_WORK.floor))
    done = on_a_terminal("unlock", exported, "--config", config, typing=[("Passphrase", PASSPHRASE)])
    assert done.status == 78 and "an index key and no identity" in done.seen and PASSPHRASE not in done.seen


def test_a_box_that_is_not_locked_is_not_unlocked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["unlock", str(identity_file(config)), "--config", str(config)]) == 78
    assert 'identity = "unlock"' in capsys.readouterr().err
