"""The addresses that the kernel drops: sets with timeouts in tables of nftables that are ours alone (nft(8)).

Speaks with the `nft` command, in one transaction each time. The kernel ends each block by itself, whether anybody runs
or not, and counts what it drops for each. Nothing but addresses, numbers and rule ids is ever written into a command.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.base.errors import LocalError
from appliance.config.values import Address
from appliance.inspection.blocking import Element

TABLE = "appliance_respond"
_PATIENCE = 5.0
_RULE = re.compile(r"D[0-9]{2}")
_FOREVER = float("inf")
_FAMILIES = ("inet", "bridge")
_SETS = {4: "blocked4", 6: "blocked6"}
_BEFORE = -10  # before filter, so that no other table's accept is asked first

# What each scope drops: family, hook, and the rules of its chain.
_INPUT = ("inet", "input", ("ip saddr @blocked4 drop", "ip6 saddr @blocked6 drop"))
_ROUTED = (
    "inet",
    "forward",
    tuple(
        f"{ip} {side} @{name} drop"
        for ip, name in (("ip", "blocked4"), ("ip6", "blocked6"))
        for side in ("saddr", "daddr")
    ),
)
_BRIDGED = ("bridge", "forward", _ROUTED[2])
_SCOPES = {"self": (_INPUT,), "inline": (_INPUT, _ROUTED, _BRIDGED)}


class FilterRefused(LocalError):
    """The kernel does not let us filter packets."""

    exit_status = 77  # EX_NOPERM


class FilterFailed(LocalError):
    """nftables cannot do it."""

    exit_status = 69  # EX_UNAVAILABLE


Run = Callable[[list[str], str], tuple[int, str, str]]


def _nft(arguments: list[str], script: str) -> tuple[int, str, str]:
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise FilterFailed("there is no nft command", fix="Install the package nftables.")
    try:
        done = subprocess.run(
            [program, *arguments], input=script, capture_output=True, text=True, timeout=_PATIENCE, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        raise FilterFailed(f"nft did not end within {_PATIENCE:.0f} s") from None
    except OSError as error:
        raise FilterFailed(f"nft cannot be run: {error.strerror}") from None
    return done.returncode, done.stdout, done.stderr


@dataclass(slots=True)
class BlockSet:
    """The sets of one scope. All methods raise FilterRefused or FilterFailed."""

    scope: str
    most: int
    run: Run = _nft
    _readable: bool = field(default=True, init=False)  # whether we know the form in which this nft tells rules

    @property
    def _hooks(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        return _SCOPES[self.scope]

    @property
    def _families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(family for family, _, _ in self._hooks))

    def prepare(self) -> dict[Address, Element]:
        """Make the tables as they should be, and keep what is blocked. Gives that."""
        there = {family: listed for family in _FAMILIES if (listed := self._list(family)) is not None}
        lasting = [each for each in _merged(there.values()).items() if each[1].expires < _FOREVER]
        kept = dict(sorted(lasting, key=lambda each: each[1].expires)[: self.most])
        lines = [f"delete table {family} {TABLE}" for family in there]
        for family in self._families:
            lines.append(f"table {family} {TABLE} {{")
            for version, name in _SETS.items():
                lines.append(f"set {name} {{ type ipv{version}_addr; size {self.most}; flags timeout; counter; }}")
            for its, hook, rules in self._hooks:
                if its == family:
                    head = f"type filter hook {hook} priority {_BEFORE}; policy accept"
                    lines.append(f"chain {hook} {{ {head}; {'; '.join(rules)}; }}")
            lines.append("}")
        self._do([*lines, *(line for address, each in kept.items() for line in self._entries(address, each))])
        self._readable = self._whole(self._tables())  # else each look would find them changed
        return kept

    def add(self, address: Address, seconds: int, rule: str) -> None:
        """Block an address from now on."""
        self._do(self._entries(address, Element(rule, seconds, 0)))

    def remove(self, addresses: Iterable[Address]) -> None:
        """Block them no longer. One that is not blocked any more is none to worry about."""
        wanted = frozenset(addresses)
        try:
            self._delete(wanted)
        except FilterFailed:
            self._delete(wanted)  # the time of one was over between the look and the deletion

    def _delete(self, addresses: Iterable[Address]) -> None:
        there = {family: _elements(self._list(family) or {}) for family in self._families}
        self._do(
            [
                f"delete element {family} {TABLE} {_SETS[address.version]} {{ {address} }}"
                for address in addresses
                for family, elements in there.items()
                if address in elements
            ]
        )

    def elements(self) -> dict[Address, Element] | None:
        """What is blocked now, with what was dropped of each; None where a table of ours is gone or was changed."""
        listed = self._tables()
        if len(listed) < len(self._families) or (self._readable and not self._whole(listed)):
            return None
        return _merged(listed.values())

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {family: table for family in self._families if (table := self._list(family)) is not None}

    def _whole(self, listed: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether each of our rules is there and none that is not ours."""
        return all(
            family in listed and _drops(listed[family], family, hook, rules) for family, hook, rules in self._hooks
        )

    def drop(self) -> None:
        """Take our tables out."""
        self._do([f"delete table {family} {TABLE}" for family in _FAMILIES if self._list(family) is not None])

    def _entries(self, address: Address, element: Element) -> Iterator[str]:
        if element.rule and not _RULE.fullmatch(element.rule):
            raise ValueError("no id of a rule")
        seconds = max(1, int(element.expires))
        comment = f' comment "{element.rule}"' if element.rule else ""
        for number, family in enumerate(self._families):
            count = f"counter packets {element.packets} bytes 0 " if element.packets and not number else ""
            value = f"{address} {count}timeout {seconds}s{comment}"
            yield f"add element {family} {TABLE} {_SETS[address.version]} {{ {value} }}"

    def _list(self, family: str) -> dict[str, Any] | None:
        """What nft says of our table of a family, None if there is none."""
        status, output, said = self.run(["-j", "list", "table", family, TABLE], "")
        if status:
            if "No such file" in said or family not in self._families:
                return None
            raise _failure(said)
        try:
            listed: dict[str, Any] = json.loads(output)
        except ValueError:
            raise FilterFailed("nft answered what is no JSON") from None
        return listed

    def _do(self, lines: Iterable[str]) -> None:
        if script := "\n".join(lines):
            status, _, said = self.run(["-f", "-"], script)
            if status:
                raise _failure(said)


def _drops(listed: Mapping[str, Any], family: str, hook: str, rules: tuple[str, ...]) -> bool:
    """Whether the chain of a hook still is there and drops what is in our sets: so many rules, each of which does that.

    Of a bridge's chain nft 1.0 does not tell its hook in JSON.
    """
    try:
        items = listed["nftables"]
        hooks = {"bridge" if family == "bridge" else each["chain"].get("hook") for each in items if "chain" in each}
        said = [each["rule"]["expr"] for each in items if each.get("rule", {}).get("chain") == hook]
        sets = [expr[0]["match"]["right"] for expr in said if list(expr[-1]) == ["drop"] and len(expr) == 2]
    except (AttributeError, IndexError, KeyError, TypeError):
        return False
    wanted = sorted(each.split()[2] for each in rules)
    return bool(hooks & {hook, family}) and len(said) == len(rules) and sorted(sets) == wanted


def _merged(tables: Iterable[Mapping[str, Any]]) -> dict[Address, Element]:
    """The elements of several tables, with what all of them dropped."""
    found: dict[Address, Element] = {}
    for listed in tables:
        for address, each in _elements(listed).items():
            before = found.get(address, Element("", 0.0, 0))
            found[address] = Element(
                each.rule or before.rule, max(each.expires, before.expires), each.packets + before.packets
            )
    return found


def _elements(listed: Mapping[str, Any]) -> dict[Address, Element]:
    """Raises FilterFailed where nft answered in another form than it has."""
    try:
        return dict(_read(listed))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise FilterFailed("nft answered in a form that is not known here") from None


def _read(listed: Mapping[str, Any]) -> Iterator[tuple[Address, Element]]:
    for each in listed.get("nftables", ()):
        for item in each.get("set", {}).get("elem", ()):
            element = item.get("elem", {}) if isinstance(item, dict) else {"val": item}
            try:
                address = ipaddress.ip_address(str(element.get("val", "")))
            except ValueError:
                continue
            comment = str(element.get("comment", ""))
            yield (
                address,
                Element(
                    comment if _RULE.fullmatch(comment) else "",
                    float(element.get("expires", element.get("timeout", _FOREVER))),
                    int(element.get("counter", {}).get("packets", 0)),
                ),
            )


def _failure(said: str) -> LocalError:
    if "Operation not permitted" in said:
        return FilterRefused(
            "blocking needs the capability CAP_NET_ADMIN",
            fix="Run respond by its unit (AmbientCapabilities=CAP_NET_ADMIN), or as root.",
        )
    first = next((line for line in said.splitlines() if line.strip()), "it said nothing")
    return FilterFailed(f"nft failed: {first[:200]}", fix="Has this kernel nf_tables (lsmod)?")
