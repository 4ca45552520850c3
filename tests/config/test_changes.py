"""What a running program takes up of a changed configuration, and for what it has to start again."""

from __future__ import annotations

import pytest

from appliance.config.changes import AT_START, changed, take_up
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.programs.names import PROGRAMS

BASE = """
[appliance]
ae_title = "EDGE01"
state_dir = "/a"
[receive]
listen_plain = ["127.0.0.1:104"]
[vault]
recipients = ["age1%s"]
""" % ("q" * 58)
TLS = 'listen = ["[::]:2762"]\ncertificate = "/c"\nkey = "/k"\nclient_ca = "/ca"\n'


def config(*edits: tuple[str, str], more: str = "") -> Config:
    text = BASE + more
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return parse_config(text.encode())


def test_each_program_has_its_list_and_each_key_is_one() -> None:
    assert set(AT_START) == set(PROGRAMS)
    for key in {key for keys in AT_START.values() for key in keys}:
        section, _, name = key.partition(".")
        field = Config.model_fields[section].annotation
        assert name in str(getattr(field, "model_fields", field)) or section == "sensor"


def test_what_changed_is_named_as_it_is_written() -> None:
    peer = '[[peer]]\nname = "CT"\nae_titles = ["CT1"]\naddresses = ["10.0.0.1"]\ntls = "never"\n'
    assert changed(config(), config()) == ()
    assert changed(config(), config(("EDGE01", "EDGE02"), more=peer)) == ("[appliance]", "[[peer]]")


@pytest.mark.parametrize(
    ("program", "edit", "keys"),
    [
        ("receive", ("127.0.0.1:104", "127.0.0.1:105"), ("receive.listen_plain",)),
        ("forward", ("127.0.0.1:104", "127.0.0.1:105"), ()),
        ("receive", ("/a", "/b"), ("appliance.state_dir",)),
        ("forward", ('listen_plain = ["127.0.0.1:104"]', f"{TLS}"), ()),
        ("panel", ("EDGE01", "EDGE02"), ()),
        ("forward", ("[vault]", '[vault]\nidentity = "unlock"'), ("vault.identity",)),
        ("receive", ("[vault]", '[vault]\nidentity = "unlock"'), ()),
        ("receive", ("[vault]", '[vault]\nindex_key = "credential:other"'), ("vault.index_key",)),
        ("sensor", ("[vault]", '[sensor]\ninterface = "eth1"\n[vault]'), ("sensor",)),
        ("respond", ("[vault]", '[sensor]\ninterface = "eth1"\n[vault]'), ("sensor",)),
        ("panel", ("[vault]", '[panel]\nmetrics = "127.0.0.1:9465"\n[vault]'), ("panel.metrics",)),
    ],
)
def test_a_key_that_takes_a_restart_keeps_its_value_and_is_named(
    program: str, edit: tuple[str, str], keys: tuple[str, ...]
) -> None:
    before, after = config(), config(edit, ("ae_title = ", "ae_title = "))
    taken, kept = take_up(before, after, program)
    assert kept == keys
    assert changed(taken, after) == tuple(dict.fromkeys(f"[{key.split('.')[0]}]" for key in keys))
    if not keys:
        assert taken == after
    again, kept = take_up(taken, after, program)  # it is named for as long as it is so
    assert (again, kept) == (taken, keys)
    assert take_up(taken, before, program)[1] == ()  # and no longer when it is taken back


def test_the_rest_of_the_file_is_taken_up_all_the_same() -> None:
    after = config(("127.0.0.1:104", "127.0.0.1:105"), ("EDGE01", "EDGE02"))
    taken, _ = take_up(config(), after, "receive")
    assert taken.appliance.ae_title == "EDGE02"
    assert str(taken.receive.listen_plain[0]) == "127.0.0.1:104"


def test_a_tls_listener_that_stays_keeps_the_files_that_it_needs() -> None:
    with_tls = config(('listen_plain = ["127.0.0.1:104"]', TLS))
    taken, kept = take_up(with_tls, config(), "receive")
    assert kept == ("receive.listen", "receive.listen_plain")
    assert (str(taken.receive.certificate), str(taken.receive.client_ca)) == ("/c", "/ca")
    renewed = config(('listen_plain = ["127.0.0.1:104"]', TLS.replace("/c", "/new").replace("2762", "2763")))
    taken, kept = take_up(with_tls, renewed, "receive")
    assert (kept, str(taken.receive.certificate)) == (("receive.listen",), "/new")
