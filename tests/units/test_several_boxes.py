"""Several boxes behind one address: haproxy and keepalived take their examples."""

from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.panel import metrics
from appliance.panel.lamps import states
from appliance.panel.scrape import Scrape
from tests.delivery.upstream import free_port
from tests.panel.health.given import facts, said
from tests.services import UNPACKED, service
from tests.units.machine import REPOSITORY, run, tool

EXAMPLES = REPOSITORY / "firmware-config/several-boxes"


def checked(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    found = service(name, name)
    return subprocess.run(
        [found.program, *arguments],
        env={**os.environ, **found.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_haproxy_takes_its_example() -> None:
    done = checked("haproxy", "-c", "-f", EXAMPLES / "haproxy.cfg")
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr and "[ALERT]" not in done.stderr, done.stderr


def with_the_lamp(text: str) -> str:
    """The example with what it offers in comments: the ready lamp is asked for."""
    taken = re.sub(r"^(\s+)# (option httpchk|http-check|default-server)", r"\1\2", text, flags=re.MULTILINE)
    assert taken.count("\n\thttp-check") == taken.count("\n\toption httpchk") == 1
    return taken


def test_haproxy_takes_what_it_offers_in_comments(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(with_the_lamp((EXAMPLES / "haproxy.cfg").read_text()))
    done = checked("haproxy", "-c", "-f", tmp_path / "haproxy.cfg")
    assert done.returncode == 0 and "[WARNING]" not in done.stderr, done.stderr


def test_haproxy_would_notice_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "broken.cfg").write_text((EXAMPLES / "haproxy.cfg").read_text().replace("mode tcp", "mode udp"))
    assert checked("haproxy", "-c", "-f", tmp_path / "broken.cfg").returncode != 0


def test_tls_is_left_to_the_boxes() -> None:
    text = (EXAMPLES / "haproxy.cfg").read_text()
    assert "ssl" not in re.sub(r"#.*", "", text) and "usesrc clientip" in text


def until(condition: Callable[[], bool], why: Callable[[], str] = str) -> None:
    give_up = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < give_up, why()
        time.sleep(0.05)


def test_a_box_that_takes_no_images_is_left_out(tmp_path: Path) -> None:
    found, port = service("haproxy", "haproxy"), free_port()
    known = [facts(), facts(programs={"receive": said("ended")})]

    def exposition(accept: str) -> tuple[bytes, str]:
        return metrics.exposition(metrics.View(known[0], lamps=states(known[0].programs, False, ())), accept)

    scrape = Scrape(socket.create_server(("127.0.0.1", port)), exposition)
    text = with_the_lamp((EXAMPLES / "haproxy.cfg").read_text()).replace("default-server port 9465", "")
    text = re.sub(r"server edge01 \S+", f"server edge01 127.0.0.1:{free_port()} port {port}", text)
    text = re.sub(r"^\s+(source|server edge0[23]|log) .*$", "", text, flags=re.MULTILINE).replace(
        "inter 5s", "inter 100ms"
    )
    text = text.replace(":2762", f"127.0.0.1:{free_port()}").replace(
        "global\n", f"global\n\tstats socket {tmp_path}/stats\n"
    )
    (tmp_path / "haproxy.cfg").write_text(text)

    def state() -> str:
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(str(tmp_path / "stats"))
            except OSError:
                return ""
            asking.sendall(b"show stat\n")
            lines = b"".join(iter(lambda: asking.recv(65536), b"")).decode().splitlines()
        rows = csv.DictReader(line.removeprefix("# ") for line in lines)
        return next(
            (f"{row['status']} {row['check_status'].strip('* ')}" for row in rows if row["svname"] == "edge01"), ""
        )

    scrape.start()
    command = [found.program, "-db", "-f", tmp_path / "haproxy.cfg"]
    with subprocess.Popen(command, env={**os.environ, **found.environment}, stderr=subprocess.PIPE) as haproxy:
        try:
            until(lambda: state() == "UP L7OK", lambda: f"{state()} {haproxy.poll()}")
            known.pop(0)
            until(lambda: state() == "DOWN L7RSP", state)
        finally:
            haproxy.terminate()
            haproxy.communicate()
            scrape.stop()


# A modality, the machine with haproxy, and a box that says who called it; the box's way back leads through the middle.
NETWORK = """
set -e
for each in modality front box; do ip netns add $each-$1; ip -n $each-$1 link set lo up; done
ip link add name scanner netns modality-$1 type veth peer name modalities netns front-$1
ip link add name inside netns box-$1 type veth peer name boxes netns front-$1
ip -n modality-$1 address add 10.20.0.99/24 dev scanner
ip -n front-$1 address add 10.20.0.5/24 dev modalities
ip -n front-$1 address add 10.30.0.1/24 dev boxes
ip -n box-$1 address add 10.30.0.11/24 dev inside
for each in modality:scanner front:modalities front:boxes box:inside; do
  ip -n ${each%:*}-$1 link set ${each#*:} up
done
ip -n box-$1 route add default via 10.30.0.1
"""
ANSWER = """
import socket
with socket.create_server(("10.30.0.11", 2762)) as listener:
    print("listening", flush=True)
    while True:
        connection, (address, _) = listener.accept()
        with connection:
            if connection.recv(4) == b"ping":
                connection.sendall(address.encode())
"""
CALL = """
import socket
with socket.create_connection(("10.20.0.5", 2762), 3) as connection:
    connection.settimeout(3)
    connection.sendall(b"ping")
    print(connection.recv(64).decode())
"""


def test_a_box_sees_the_address_of_the_modality_through_haproxy(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    found, mark = service("haproxy", "haproxy"), uuid.uuid4().hex[:6]
    by_hand = re.findall(r"(ip rule add .*?);\s*(ip route add .*)", (EXAMPLES / "transparent.network").read_text())
    assert len(by_hand) == 1
    text = re.sub(r"^\s+log .*$", "", (EXAMPLES / "haproxy.cfg").read_text(), flags=re.MULTILINE)
    (tmp_path / "haproxy.cfg").write_text(text)

    def within(name: str, *command: str | Path) -> list[str | Path]:
        return [tool("ip"), "netns", "exec", f"{name}-{mark}", *command]

    with ExitStack() as ended:
        for name in ("modality", "front", "box"):
            ended.callback(run, tool("ip"), "netns", "delete", f"{name}-{mark}")
        made = run("sh", "-c", NETWORK, "-", mark)
        if "not permitted" in made.stderr:
            pytest.skip(f"no network namespaces here: {made.stderr}")
        assert made.returncode == 0, made.stderr
        box = subprocess.Popen(within("box", sys.executable, "-c", ANSWER), stdout=subprocess.PIPE)
        ended.callback(box.communicate)
        ended.callback(box.kill)
        assert box.stdout and box.stdout.readline() == b"listening\n"
        haproxy = subprocess.Popen(
            within("front", found.program, "-db", "-f", tmp_path / "haproxy.cfg"),
            env={**os.environ, **found.environment},
            stderr=subprocess.PIPE,
        )
        ended.callback(haproxy.communicate)
        ended.callback(haproxy.kill)
        loaded = run(*within("front", tool("nft"), "-f", EXAMPLES / "transparent.nft"))
        if "No such file" in loaded.stderr:
            pytest.skip(f"this kernel's packet filter cannot tell transparent sockets: {loaded.stderr}")
        assert loaded.returncode == 0, loaded.stderr
        for line in by_hand[0]:
            assert run(*within("front", *line.split())).returncode == 0, line
        answered: list[str] = []

        def call() -> bool:
            answered.append(run(*within("modality", sys.executable, "-c", CALL)).stdout.strip())
            return bool(answered[-1])

        until(call, lambda: str(answered))
        assert answered[-1] == "10.20.0.99"


WITH_INTERFACE = 'ip link add modalities type veth peer name other && exec "$@"'
# keepalived 2.3 reads how it was built from below /etc, and ends where it was unpacked elsewhere.
WITH_ITS_ETC = 'mount -t overlay overlay -o "lowerdir=$ITS_ETC:/etc" /etc && '


def keepalived(configuration: Path) -> subprocess.CompletedProcess[str]:
    """Its check, in a network that has the interface of the example, with the files in /etc that it came with."""
    found = service("keepalived", "keepalived")
    alone = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "-rnm"]
    its_etc = UNPACKED / "etc"
    begin = WITH_INTERFACE
    if found.environment and (its_etc / "keepalived/keepalived.config-opts").exists():
        alone = ["env", f"ITS_ETC={its_etc}", *alone]
        begin = WITH_ITS_ETC + WITH_INTERFACE
    probe = run(*alone, "sh", "-c", begin, "-", "true")
    if probe.returncode:
        pytest.skip(f"no network namespaces here, or no overlay of /etc: {probe.stderr.strip()}")
    libraries = [f"{name}={value}" for name, value in found.environment.items()]
    return run(*alone, "sh", "-c", begin, "-", "env", *libraries, found.program, "-t", "-f", configuration)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="keepalived wants a script of root's, and a plain user's namespace has none"
)
def test_keepalived_takes_its_example(tmp_path: Path) -> None:
    text = (EXAMPLES / "keepalived.conf").read_text()
    if not Path("/usr/bin/systemctl").exists():  # of its script it wants to know that it is there
        text = text.replace("/usr/bin/systemctl", "/usr/bin/true")
    (tmp_path / "keepalived.conf").write_text(text)
    done = keepalived(tmp_path / "keepalived.conf")
    assert done.returncode == 0, done.stderr + done.stdout


def test_keepalived_would_notice_a_mistake(tmp_path: Path) -> None:
    text = (EXAMPLES / "keepalived.conf").read_text().replace("virtual_router_id 52", "virtual_router_id 520")
    (tmp_path / "keepalived.conf").write_text(text)
    assert keepalived(tmp_path / "keepalived.conf").returncode != 0
