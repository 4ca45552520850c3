"""Targets of `respond`: what a broken-in sensor may send it, what root may write, what nft may print."""

from __future__ import annotations

import ipaddress
import json
import re

from appliance.capture.block_set import BlockSet, FilterFailed, FilterRefused
from appliance.capture.responder import Responder
from appliance.config.errors import ConfigErrors
from appliance.config.respond_policy import parse_policy
from appliance.inspection.block_request import BlockRequest, decode, encode
from appliance.inspection.blocking import Bounds, Never
from tests.fuzz.target import Target

_SIZE = 48
_NEVER = (Never(ipaddress.ip_network("10.20.0.0/28"), "peer"), Never(ipaddress.ip_network("2001:db8::/64"), "peer"))
_ENTRY = re.compile(
    r'add element inet appliance_respond blocked[46] \{ [0-9a-f.:]+ timeout ([0-9]{1,4})s comment "D[0-9]{2}" \}'
)


def block_requests(data: bytes) -> None:
    """Whatever is sent, nobody is blocked who is protected, nor longer, nor more, nor without a proven handshake, and
    nothing but addresses, numbers and rule ids comes into a command."""
    entered: list[str] = []

    def nft(arguments: list[str], script: str) -> tuple[int, str, str]:
        entered.extend(line for line in script.splitlines() if line.startswith("add element"))
        return (0, "", "") if arguments[0] == "-f" else (1, "", "No such file or directory")

    records: list[dict[str, object]] = []
    said: list[object] = []
    allowed = Bounds(most_seconds=3600, most_blocks=3, never=_NEVER)
    responder = Responder(
        "self", allowed, BlockSet("self", 3, nft), records.append, lambda *args, **more: said.append(args)
    )
    responder.begin(1000.0)
    stranger = 4242 if data[:1] > b"\xf0" else -1
    for number, at in enumerate(range(1, len(data), _SIZE)):
        responder.handle(data[at : at + _SIZE], stranger, 1000.0 + number)
    blocks = responder.state()["blocks"]
    json.dumps([responder.state(), records])
    assert len(blocks) == len(entered) <= 3
    assert not (blocks and stranger != -1)
    for line in entered:
        found = _ENTRY.fullmatch(line)
        assert found and 1 <= int(found[1]) <= 3600, line
    for block in blocks:
        address = ipaddress.ip_address(block["address"])
        assert not any(address in each.network for each in _NEVER)
        assert not (address.is_loopback or address.is_multicast or address.is_unspecified)


def block_request(data: bytes) -> None:
    """Bytes are a request that encodes to itself, or a ValueError."""
    try:
        request = decode(data)
    except ValueError:
        return
    assert decode(encode(request)) == request


def respond_policy(data: bytes) -> None:
    """Root's file gives a policy within its limits, or ConfigErrors with a sentence for each mistake."""
    try:
        policy = parse_policy(data, "respond.toml")
    except ConfigErrors as error:
        assert error.problems and all(map(str, error.problems))
        return
    assert 10 <= policy.longest <= 7 * 86400
    assert 1 <= policy.most_blocks <= 4096


def nft_listing(data: bytes) -> None:
    """What nft prints gives addresses, or FilterFailed or FilterRefused."""
    text = data.decode("latin-1")
    try:
        found = BlockSet("self", 3, lambda arguments, script: (data[:1] == b"x", text, text)).elements()
    except (FilterFailed, FilterRefused):
        return
    for element in (found or {}).values():
        assert not element.rule or re.fullmatch("D[0-9]{2}", element.rule)


def _message(source: str, acknowledged: bool = True, seconds: int = 600) -> bytes:
    target = ipaddress.ip_address("10.20.0.2")
    return encode(BlockRequest("D13", ipaddress.ip_address(source), 4000, target, 104, seconds, acknowledged))


_LISTED = (
    b'{"nftables": [{"metainfo": {}}, {"set": {"name": "blocked4", "elem": [{"elem": {"val": "10.0.0.1",'
    b' "timeout": 600, "expires": 599, "comment": "D01", "counter": {"packets": 0, "bytes": 0}}}, "10.0.0.2"]}}]}'
)
TARGETS = (
    Target(
        block_requests,
        (
            b"\0" + b"".join(_message(f"10.20.0.{number}") for number in range(14, 24)),
            b"\xff" + _message("10.20.0.99"),
            b"\0" + _message("2001:db8::5") + _message("2001:db8:1::5", seconds=1 << 31) + _message("10.9.9.9", False),
        ),
    ),
    Target(block_request, (_message("10.20.0.99"), _message("2001:db8::9", False))),
    Target(
        respond_policy,
        (b'longest = "1h"\nmost_blocks = 8\nnever = ["10.0.0.0/8"]\n[hosts]\n"pacs" = ["10.20.0.3"]\n', b"never = []"),
    ),
    Target(nft_listing, (_LISTED, b"xError: No such file or directory", b"[]", b'{"nftables": 3}')),
)
