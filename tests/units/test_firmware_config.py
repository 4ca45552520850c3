"""What an admin starts from works: the default configuration loads, and the firewall lets DICOM in and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError
from appliance.config.load import load_config
from appliance.config.respond_policy import RespondPolicy, parse_policy
from appliance.seal.keys import parse_recipient
from tests.units.machine import REPOSITORY, UNITS, run, tool

CONFIGURATION = REPOSITORY / "firmware-config/appliance.toml"
FIREWALL = REPOSITORY / "firmware-config/appliance.nft"


def test_the_default_configuration_loads() -> None:
    config = load_config(CONFIGURATION)
    assert [peer.name for peer in config.peer] == ["CT suite 2"]
    assert config.sensor is None


def uncommented() -> str:
    """The file with every commented choice taken."""
    lines = []
    for line in CONFIGURATION.read_text().splitlines():
        bare = line.removeprefix("# ")
        is_choice = line.startswith("# ") and (bare.startswith("[") or " = " in bare)
        lines.append(bare if is_choice else line)
    return "\n".join(lines)


def test_every_choice_in_a_comment_may_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "appliance.toml"
    path.write_text(uncommented())
    config = load_config(path)
    assert config.sensor is not None
    assert config.peer[1].tls == "never"


def test_the_example_of_respond_is_a_policy_with_every_choice_taken() -> None:
    text = (REPOSITORY / "firmware-config/respond.toml").read_text()
    assert parse_policy(text.encode(), "respond.toml") == RespondPolicy()  # what it says of defaults is true
    taken = re.sub(r"""^( *)# (?=[\["'])""", r"\1", text, flags=re.MULTILINE)
    policy = parse_policy(taken.encode(), "respond.toml")
    assert (len(policy.never), list(policy.hosts)) == (2, ["pacs.rad.example"])


def test_nobody_can_seal_to_the_example_recipients() -> None:
    for recipient in tomllib.loads(CONFIGURATION.read_text())["vault"]["recipients"]:
        with pytest.raises(CryptoError):
            parse_recipient(recipient)


def test_the_paths_are_those_of_the_units() -> None:
    config = load_config(CONFIGURATION)
    made = (UNITS / "tmpfiles.d/appliance.conf").read_text()
    assert config.receive.key is not None
    assert config.destination[0].key is not None
    for path in (
        config.appliance.state_dir,
        config.appliance.runtime_dir,
        config.receive.key,
        config.destination[0].key,
    ):
        assert f" {path} " in made
    assert (config.vault.index_key, config.vault.identity) == ("credential:index-key", "credential:identity")


@pytest.mark.parametrize("choices", [False, True], ids=["as it is", "with every choice taken"])
def test_nft_accepts_the_firewall(choices: bool, tmp_path: Path) -> None:
    rules = FIREWALL.read_text()
    taken = re.sub(r"^(\s+)# (?=iifname)", r"\1", rules, flags=re.MULTILINE)
    assert taken.count("dport") == rules.count("dport") and taken != rules
    (tmp_path / "appliance.nft").write_text(taken if choices else rules)
    check = [tool("nft"), "-c", "-f", str(tmp_path / "appliance.nft")]
    checked = run(*check) if os.geteuid() == 0 else run(tool("unshare"), "-rn", *check)
    if "Operation not permitted" in checked.stderr:
        pytest.skip("this machine lets nobody look at a firewall")
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """Two network namespaces, the first with the firewall and an address at each of its interfaces."""
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    ip, name = tool("ip"), uuid.uuid4().hex[:8]
    box, other = f"box-{name}", f"other-{name}"
    if (made := run(ip, "netns", "add", box)).returncode:
        pytest.skip(f"no network namespaces here: {made.stderr}")
    try:
        run(ip, "netns", "add", other)
        for interface, network in SIDES:
            run(ip, "-n", box, "link", "add", interface, "type", "veth", "peer", interface, "netns", other)
            for namespace, host in ((box, 1), (other, 2)):
                run(ip, "-n", namespace, "address", "add", f"{network}.{host}/24", "dev", interface)
                run(ip, "-n", namespace, "link", "set", interface, "up")
        loaded = run(ip, "netns", "exec", box, tool("nft"), "-f", str(FIREWALL))
        assert loaded.returncode == 0, loaded.stderr
        yield box, other
    finally:
        for namespace in (box, other):
            run(ip, "netns", "delete", namespace)


SIDES = (("modalities", "192.0.2"), ("management", "198.51.100"), ("eth1", "203.0.113"))
SERVE = """
import socket, sys
listeners = [socket.create_server(("0.0.0.0", port)) for port in (22, 2762, 8080)]
print("listening", flush=True)
sys.stdin.read()
"""
CALL = """
import socket
for address in ("192.0.2.1", "198.51.100.1", "203.0.113.1"):
    for port in (22, 2762, 8080):
        try:
            socket.create_connection((address, port), timeout=0.5).close()
            print(address, port)
        except TimeoutError:
            pass
"""


def test_the_firewall_lets_in_dicom_from_one_side_and_ssh_from_the_other(hosts: tuple[str, str]) -> None:
    box, other = hosts
    inside = [tool("ip"), "netns", "exec"]
    server = subprocess.Popen(
        [*inside, box, sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        reached = run(*inside, other, sys.executable, "-c", CALL)
        server.communicate("")
    assert reached.stderr == ""
    assert reached.stdout.splitlines() == ["192.0.2.1 2762", "198.51.100.1 22"]
    ping = [*inside, other, "ping", "-c", "1", "-W", "1"]
    if shutil.which("ping"):
        assert [run(*ping, f"{network}.1").returncode == 0 for _, network in SIDES] == [True, True, False]


def test_the_interfaces_are_those_of_the_networks() -> None:
    named = dict(re.findall(r'^define (\w+) = "(\w+)"', FIREWALL.read_text(), re.MULTILINE))
    networks = {path: path.read_text() for path in (REPOSITORY / "firmware-config/network").iterdir()}
    assert set(named.values()) == {name for name, _ in SIDES}
    for interface in named.values():
        assert any(f"[Match]\nName={interface}\n" in text for text in networks.values()), interface
