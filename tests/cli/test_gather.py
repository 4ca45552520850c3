"""Facts from real files: each way in which one can be missing, closed, broken or of another."""

from __future__ import annotations

import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance.cli.gather import gather
from appliance.config.load import load_config
from appliance.config.posture.facts import Facts
from appliance.host.certificates import Authority
from appliance.seal.keys import generate_identity
from tests.cli.sites import PACS, make_site
from tests.host.pki import revocation_list
from tests.host.tokens import public

NOW = datetime.now(UTC)
PEER = """
[[peer]]
name = "CT with tokens"
ae_titles = ["CT_TOKEN"]
addresses = ["192.0.2.99"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = make_site(tmp_path)
    with path.open("a") as file:
        file.write(PACS.format(name="pacs", tls=tmp_path / "tls"))
    return path


def facts(config: Path) -> Facts:
    return gather(load_config(config), NOW)


def with_sensor(config: Path, ca: Path) -> Facts:
    """The facts where the sensor is told to read its CAs there."""
    before = config.read_text()
    config.write_text(f'{before}\n[sensor]\ninterface = "eth1"\nca = "{ca}"\n')
    found = facts(config)
    config.write_text(before)
    return found


def test_the_cas_that_the_sensor_reads(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert facts(config).sensor_ca_error == "" and facts(config).sensor_knows_us
    copy, hidden = tmp_path / "site-ca.crt", tmp_path / "tls"
    found = with_sensor(config, copy)
    assert (found.sensor_ca_error, found.sensor_knows_us) == ("", True)
    copy.chmod(0o400)
    if os.geteuid() == 0:
        assert with_sensor(config, copy).sensor_ca_error == f"its owner alone may read {copy} (mode 0400)"
    rewrite(copy, Authority.create("another").certificate)
    copy.chmod(0o444)
    found = with_sensor(config, copy)
    assert (found.sensor_ca_error, found.sensor_knows_us) == ("", False)
    rewrite(copy, b"rubbish")
    assert "this is no certificate in PEM" in with_sensor(config, copy).sensor_ca_error
    copy.unlink()
    assert f"{copy}: No such file or directory" in with_sensor(config, copy).sensor_ca_error
    os.mkfifo(copy)
    assert f"{copy}: this is no file" in with_sensor(config, copy).sensor_ca_error
    copy.unlink()
    copy.symlink_to(hidden / "site-ca.crt")
    assert with_sensor(config, copy).sensor_ca_error == ""
    monkeypatch.setattr("appliance.cli.gather.HIDDEN_FROM_SENSOR", (hidden,))
    assert with_sensor(config, copy).sensor_ca_error == (
        f"{copy} is below {hidden}, which the unit of the sensor may not read"
    )


def rewrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)


def test_how_many_files_may_be_open(config: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
        assert facts(config).open_files == 400
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_file_that_bounds_blocking(config: Path) -> None:
    assert facts(config).respond_error == ""  # nobody asks for it
    policy = config.parent / "respond.toml"
    with config.open("a") as file:
        file.write(f'\n[sensor]\ninterface = "eth1"\nrespond = "block"\nrespond_file = "{policy}"\n')
    assert facts(config).respond_error == f"cannot read {policy}: No such file or directory"
    policy.write_text("most_blocks = 0\n")
    if os.geteuid() == 0:
        assert facts(config).respond_error.startswith(f"{policy}:1: most_blocks: that will not do")
        policy.write_text("")
        assert facts(config).respond_error == ""
    else:
        assert "can be changed by others than root" in facts(config).respond_error


def test_what_is_right(config: Path) -> None:
    found = facts(config)
    tls = config.parent / "tls"
    assert {path.name for path in found.files} == {
        "appliance.crt", "appliance.key", "site-ca.crt", "appliance-client.crt", "appliance-client.key", "identity",
        "index-key", "site-ca.crl",
    }  # fmt: skip
    assert not [file for file in found.files.values() if file.error]
    assert found.files[tls / "appliance.crt"].certificates[0].names == ("edge.example",)
    assert found.files[tls / "appliance.key"].mode == 0o400
    assert [each.kind for each in found.recipients] == ["hybrid", "hybrid"]
    assert found.identity == load_config(config).vault.recipients[0]
    assert (found.broken_pairs, found.broken_secrets, found.server_trusted) == ({}, {}, True)
    assert found.authority_key == tls / "site-ca.key"
    assert (found.state.exists, found.state.usable) == (False, True)


def test_files_that_cannot_be_used(config: Path) -> None:
    tls = config.parent / "tls"
    (tls / "appliance.crt").unlink()
    (tls / "appliance.key").unlink()
    (tls / "appliance.key").mkdir()
    rewrite(tls / "site-ca.crt", b"hello")
    (tls / "appliance-client.key").unlink()
    os.mkfifo(tls / "appliance-client.key")
    found = facts(config)
    errors = {path.name: file.error for path, file in found.files.items() if file.error}
    assert errors == {
        "appliance.crt": "No such file or directory",
        "appliance.key": "Is a directory",
        "site-ca.crt": "this is no certificate in PEM. `appliance certs trust` and `appliance certs install` take other"
        " forms.",
        "appliance-client.key": "this is no file",
    }
    assert (found.broken_pairs, found.server_trusted) == ({}, True)


def test_a_key_of_another_and_a_certificate_of_another(config: Path) -> None:
    tls = config.parent / "tls"
    issued = Authority.create("another").issue("x", ["x.example"], server=True)
    rewrite(tls / "appliance-client.key", issued.key)
    rewrite(tls / "appliance.crt", issued.certificate)
    rewrite(tls / "appliance.key", issued.key)
    found = facts(config)
    pair = (tls / "appliance-client.crt", tls / "appliance-client.key")
    assert found.broken_pairs == {pair: f"{pair[0]} is not the certificate of {pair[1]}"}
    assert not found.server_trusted


def test_secrets_with_something_else_in_them(config: Path) -> None:
    keys = config.parent / "keys"
    rewrite(keys / "identity", b"AGE-SECRET-KEY-1QQQQ\ntwo\n")
    rewrite(keys / "index-key", b"one\ntwo\n")
    found = facts(config)
    assert found.identity is None
    assert found.broken_secrets[f"file:{keys}/index-key"].startswith(f"file:{keys}/index-key holds 2 secrets")
    assert "QQQQ" not in found.broken_secrets[f"file:{keys}/identity"]


def test_of_several_identities_the_one_that_is_sealed_to_counts(config: Path) -> None:
    identity = config.parent / "keys/identity"
    new, old = generate_identity(), identity.read_bytes()
    rewrite(identity, new.export().encode() + b"\n" + old)
    assert facts(config).identity == load_config(config).vault.recipients[0]
    rewrite(identity, new.export().encode() + b"\n")
    assert facts(config).identity == str(new.recipient)


def test_an_identity_that_was_left_behind(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("credstore")
    monkeypatch.setattr("appliance.cli.gather._CREDENTIALS", store)
    identity = config.parent / "keys/identity"
    assert facts(config).stray_identity is None
    config.write_text(config.read_text().replace(f"file:{identity}", "unlock"))
    assert (facts(config).stray_identity, facts(config).identity) == (identity, None)
    identity.unlink()
    assert facts(config).stray_identity is None
    (store / "appliance.identity").touch()
    assert facts(config).stray_identity == store / "appliance.identity"


def test_a_secret_that_others_may_read_is_a_matter_of_its_mode(config: Path) -> None:
    identity = config.parent / "keys/identity"
    identity.chmod(0o444)
    found = facts(config)
    assert (found.files[identity].mode, found.identity, found.broken_secrets) == (0o444, None, {})


def test_an_identity_of_another_box(config: Path) -> None:
    rewrite(config.parent / "keys/identity", (config.parent / "kit").read_bytes())
    assert facts(config).identity == load_config(config).vault.recipients[1]


def test_a_credential_is_looked_at_where_there_is_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(config.read_text().replace(f"file:{config.parent}/keys/identity", "credential:identity"))
    assert facts(config).identity is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(config.parent / "keys"))
    assert facts(config).identity == load_config(config).vault.recipients[0]


def test_a_recipient_with_a_slip_of_the_pen(config: Path) -> None:
    recipient = load_config(config).vault.recipients[1]
    slip = recipient[:-1] + ("q" if recipient[-1] != "q" else "p")
    config.write_text(config.read_text().replace(recipient, slip))
    assert [bool(each.error) for each in facts(config).recipients] == [False, True]


def test_the_state_directory(config: Path) -> None:
    state = config.parent / "state"
    state.mkdir()
    assert (facts(config).state.exists, facts(config).state.usable) == (True, True)
    state.rmdir()
    state.write_text("")
    assert (facts(config).state.exists, facts(config).state.usable) == (True, False)
    config.write_text(config.read_text().replace(f'"{state}"', f'"{state}/below/it"'))
    assert facts(config).state.usable is False


def test_revocation_lists(config: Path) -> None:
    tls = config.parent / "tls"
    config.write_text(config.read_text().replace("site-ca.crl", "ca.crl", 1))
    assert facts(config).files[tls / "ca.crl"].error == "No such file or directory"
    (tls / "ca.crl").write_bytes(revocation_list(Authority.create("another CA")))
    found = facts(config)
    assert [each.issuer for each in found.files[tls / "ca.crl"].revocations] == ["CN=another CA"]
    assert len(found.without_list) == 1
    (tls / "ca.crl").write_bytes(b"nothing")
    assert "no revocation list" in facts(config).files[tls / "ca.crl"].error


def test_the_key_of_tokens(config: Path) -> None:
    key = config.parent / "idp.pem"
    identity = f'user_identity = {{ type = "jwt", key = "{key}", issuer = "https://idp.example", audience = "EDGE01" }}'
    config.write_text(config.read_text() + PEER + identity + "\n")
    assert facts(config).files[key].error == "No such file or directory"
    key.write_bytes(b"nothing")
    assert "no public key" in facts(config).files[key].error
    key.write_bytes(public(ed25519.Ed25519PrivateKey.generate()))
    assert facts(config).files[key].error == ""
