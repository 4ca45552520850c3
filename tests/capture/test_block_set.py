"""Blocks in the kernel's packet filter: a real nft in a network namespace of the test's own."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from appliance.capture.block_set import BlockSet, FilterFailed, FilterRefused
from appliance.inspection.blocking import Element
from tests.capture.lab import Wire, needs, needs_root, run, wire

STRANGER, OTHER = ipaddress.ip_address("10.20.0.99"), ipaddress.ip_address("2001:db8::99")
pytestmark = [needs_root, needs("ip", "nft")]


@pytest.fixture
def lab() -> Iterator[Wire]:
    with wire(20) as made:
        yield made


def inside(lab: Wire, scope: str = "self", most: int = 8) -> BlockSet:
    """The set of the far host: a namespace whose packet filter is nobody else's."""

    def nft(arguments: list[str], script: str) -> tuple[int, str, str]:
        command = ["ip", "netns", "exec", lab.namespace, "nft", *arguments]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout, done.stderr

    return BlockSet(scope, most, nft)


SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], 11112), family=socket.AF_INET)
print("up", flush=True)
while True:
    talk, _ = server.accept()
    talk.sendall(b"hello")
    talk.close()
"""


@pytest.fixture
def server(lab: Wire) -> Iterator[None]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", lab.namespace, sys.executable, "-c", SERVER, lab.far_ip], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield
    process.kill()
    process.communicate()


def reaches(address: str, seconds: float = 10) -> bool:
    try:
        with socket.create_connection((address, 11112), seconds) as talk:
            return talk.recv(5) == b"hello"
    except TimeoutError:
        return False


def test_a_block_stops_a_real_connection_and_its_end_lets_it_through(lab: Wire, server: None) -> None:
    blocks = inside(lab)
    blocks.prepare()
    assert reaches(lab.far_ip)
    near = ipaddress.ip_address(lab.near_ip)
    blocks.add(near, 600, "D05")
    assert not reaches(lab.far_ip, 0.6)
    elements = blocks.elements()
    assert elements is not None
    assert elements[near].rule == "D05"
    assert elements[near].packets >= 1
    assert 590 < elements[near].expires <= 600
    blocks.remove([near])
    assert reaches(lab.far_ip)
    assert blocks.elements() == {}


def test_an_open_connection_is_cut_too(lab: Wire) -> None:
    code = SERVER.replace("talk.close()", "print(len(talk.recv(9)), flush=True)")
    process = subprocess.Popen(
        ["ip", "netns", "exec", lab.namespace, sys.executable, "-c", code, lab.far_ip], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        blocks = inside(lab)
        blocks.prepare()
        with socket.create_connection((lab.far_ip, 11112), 2) as talk:
            assert talk.recv(5) == b"hello"
            blocks.add(ipaddress.ip_address(lab.near_ip), 600, "D13")
            talk.sendall(b"more")
            os.set_blocking(process.stdout.fileno(), False)
            time.sleep(0.5)
            assert process.stdout.read() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_kernel_ends_a_block_by_itself(lab: Wire, server: None) -> None:
    blocks = inside(lab)
    blocks.prepare()
    assert reaches(lab.far_ip)
    blocks.add(ipaddress.ip_address(lab.near_ip), 1, "D05")
    assert not reaches(lab.far_ip, 0.6)
    time.sleep(1.2)
    assert reaches(lab.far_ip)
    assert blocks.elements() == {}


def test_the_kernel_holds_the_number_too(lab: Wire) -> None:
    blocks = inside(lab, most=2)
    blocks.prepare()
    for number in (1, 2):
        blocks.add(ipaddress.ip_address(f"10.9.0.{number}"), 60, "D05")
    with pytest.raises(FilterFailed, match="nft failed"):
        blocks.add(ipaddress.ip_address("10.9.0.3"), 60, "D05")
    assert len(blocks.elements() or {}) == 2


def test_both_address_families_and_both_scopes(lab: Wire) -> None:
    blocks = inside(lab, "inline")
    assert blocks.prepare() == {}
    blocks.add(STRANGER, 60, "D05")
    blocks.add(OTHER, 60, "D13")
    assert {address: each.rule for address, each in (blocks.elements() or {}).items()} == {
        STRANGER: "D05",
        OTHER: "D13",
    }
    shown = lab.inside("nft", "list", "ruleset").stdout
    for line in ("table bridge appliance_respond", "hook forward", "hook input", "ip6 saddr @blocked6 drop"):
        assert line in shown
    blocks.remove([STRANGER])
    assert list(blocks.elements() or {}) == [OTHER]
    blocks.drop()
    assert lab.inside("nft", "list", "ruleset").stdout == ""
    assert blocks.elements() is None
    blocks.drop()


def test_a_restart_keeps_what_is_blocked_with_its_time_and_its_count(lab: Wire, server: None) -> None:
    blocks = inside(lab)
    blocks.prepare()
    assert reaches(lab.far_ip)
    near = ipaddress.ip_address(lab.near_ip)
    blocks.add(near, 600, "D05")
    assert not reaches(lab.far_ip, 0.6)
    before = (blocks.elements() or {})[near]
    kept = inside(lab, "self", 16).prepare()
    assert kept.keys() == {near}
    after = (blocks.elements() or {})[near]
    assert after.packets >= before.packets > 0
    assert after.rule == "D05"
    assert before.expires - 5 < after.expires <= before.expires
    assert not reaches(lab.far_ip, 0.6)
    assert inside(lab, "inline").prepare().keys() == {near}  # another scope
    assert inside(lab, "self").prepare().keys() == {near}
    assert "bridge" not in lab.inside("nft", "list", "tables").stdout


def test_an_element_without_an_end_is_not_taken_over(lab: Wire) -> None:
    blocks = inside(lab)
    blocks.prepare()
    lab.inside("nft", "add", "element", "inet", "appliance_respond", "blocked4", "{ 10.9.0.9 }", check=True)
    assert (blocks.elements() or {})[ipaddress.ip_address("10.9.0.9")] == Element("", float("inf"), 0)
    assert blocks.prepare() == {}


@pytest.mark.parametrize(
    ("scope", "change"),
    [
        ("self", "flush table inet appliance_respond"),
        ("self", "insert rule inet appliance_respond input accept"),
        ("self", "add rule inet appliance_respond input ip saddr @blocked4 accept"),
        ("self", "flush ruleset"),
        ("inline", "delete table bridge appliance_respond"),
        ("inline", "flush chain bridge appliance_respond forward"),
        ("inline", "flush chain inet appliance_respond forward"),
        ("inline", "flush chain inet appliance_respond forward; delete chain inet appliance_respond forward"),
    ],
)
def test_a_table_that_somebody_changed_blocks_nobody_for_sure(lab: Wire, scope: str, change: str) -> None:
    blocks = inside(lab, scope)
    blocks.prepare()
    blocks.add(STRANGER, 60, "D05")
    assert (blocks.elements() or {}).keys() == {STRANGER}
    lab.inside("nft", change, check=True)
    assert blocks.elements() is None
    blocks.prepare()
    assert blocks.elements() is not None


def test_other_tables_stay_as_they_are(lab: Wire) -> None:
    lab.inside("nft", "add table inet other; add chain inet other c { type filter hook input priority 0; }", check=True)
    before = lab.inside("nft", "list", "table", "inet", "other").stdout
    blocks = inside(lab)
    blocks.prepare()
    blocks.add(STRANGER, 60, "D05")
    blocks.drop()
    assert lab.inside("nft", "list", "ruleset").stdout == before


def test_an_accept_of_another_table_does_not_let_through(lab: Wire, server: None) -> None:
    script = "add table inet early; add chain inet early c { type filter hook input priority -300; policy accept; }"
    lab.inside("nft", script + "; add rule inet early c accept", check=True)
    blocks = inside(lab)
    blocks.prepare()
    assert reaches(lab.far_ip)
    blocks.add(ipaddress.ip_address(lab.near_ip), 60, "D05")
    assert not reaches(lab.far_ip, 0.6)


def test_without_the_capability_it_says_which_one_is_missing(lab: Wire) -> None:
    def nft(arguments: list[str], script: str) -> tuple[int, str, str]:
        command = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "nft", *arguments]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout, done.stderr

    with pytest.raises(FilterRefused, match="CAP_NET_ADMIN"):
        BlockSet("self", 8, nft).prepare()


def test_a_block_that_ends_just_when_it_is_taken_out_is_no_failure(lab: Wire) -> None:
    blocks = inside(lab)
    blocks.prepare()
    blocks.add(STRANGER, 60, "D05")
    blocks.add(OTHER, 60, "D05")
    real, raced = blocks.run, []

    def nft(arguments: list[str], script: str) -> tuple[int, str, str]:
        if "delete element" in script and not raced:
            raced.append(script)
            lab.inside("nft", f"delete element inet appliance_respond blocked4 {{ {STRANGER} }}", check=True)
        return real(arguments, script)

    blocks.run = nft
    blocks.remove([STRANGER, OTHER])
    assert raced and blocks.elements() == {}


# What nft may say, and never did here.


def answering(status: int, output: str, said: str = "") -> BlockSet:
    return BlockSet("self", 8, lambda arguments, script: (status, output, said))


def test_what_is_no_json_is_a_failure() -> None:
    with pytest.raises(FilterFailed, match="no JSON"):
        answering(0, "{").elements()


def test_an_nft_that_tells_rules_in_another_form_is_taken_at_its_word(lab: Wire) -> None:
    blocks = inside(lab)
    real = blocks.run

    def other(arguments: list[str], script: str) -> tuple[int, str, str]:
        status, output, said = real(arguments, script)
        return status, output.replace('"right"', '"value"'), said

    blocks.run = other
    blocks.prepare()
    blocks.add(STRANGER, 60, "D05")
    assert (blocks.elements() or {}).keys() == {STRANGER}
    lab.inside("nft", "delete table inet appliance_respond", check=True)
    assert blocks.elements() is None


def test_elements_that_are_no_addresses_are_passed_over() -> None:
    rules = [
        {"rule": {"chain": "input", "expr": [{"match": {"right": f"@{name}"}}, {"drop": None}]}}
        for name in ("blocked4", "blocked6")
    ]
    elements = ["10.0.0.1", {"elem": {"val": {"range": ["1", "2"]}}}, "x"]
    listed = {"nftables": [{"chain": {"name": "input", "hook": "input"}}, *rules, {"set": {"elem": elements}}]}
    assert answering(0, json.dumps(listed)).elements() == {
        ipaddress.ip_address("10.0.0.1"): Element("", float("inf"), 0)
    }


def test_only_ids_of_rules_come_into_a_command() -> None:
    with pytest.raises(ValueError, match="no id"):
        answering(0, "").add(STRANGER, 60, 'D05"; delete')


@contextmanager
def behind(lab: Wire) -> Iterator[str]:
    """Makes the far host a bridge, and gives the address of a machine behind it that serves."""
    name = f"{lab.namespace}-behind"
    address = lab.far_ip.rpartition(".")[0] + "." + str(int(lab.far_ip.rpartition(".")[2]) + 1)
    inside_box = ["ip", "-n", lab.namespace]
    run("ip", "netns", "add", name)
    try:
        run(*inside_box, "link", "add", "br0", "type", "bridge")
        run(*inside_box, "link", "add", "b1", "type", "veth", "peer", "name", "eth0", "netns", name)
        for port in (lab.far, "b1"):
            run(*inside_box, "link", "set", port, "master", "br0", "up")
        run(*inside_box, "link", "set", "br0", "up")
        run("ip", "-n", name, "addr", "add", f"{address}/29", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVER, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield address
            process.kill()
    finally:
        run("ip", "netns", "del", name)


def test_as_a_bridge_it_protects_what_lies_behind_it(lab: Wire) -> None:
    near = ipaddress.ip_address(lab.near_ip)
    with behind(lab) as address:
        alone, blocks = inside(lab, "self"), inside(lab, "inline")
        alone.prepare()
        assert reaches(address)
        alone.add(near, 60, "D13")
        assert reaches(address)  # what goes through the box is none of its own: as the scope says
        assert blocks.prepare().keys() == {near}
        assert not reaches(address, 0.6)
        assert (blocks.elements() or {})[near].packets >= 1
        blocks.remove([near])
        assert reaches(address)
