"""Files as people break them: habits of other formats, editors that mean well, brackets and quotes that were forgotten.
Of each all that an admin reads, and no more: one mistake is one message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from tests.config.files import VALID

SITE = """\
[appliance]
ae_title = "EDGE01"

[receive]
listen = ["[::]:2762"]
listen_plain = ["10.20.0.1:104"]
certificate = "/etc/tls/a.crt"
key = "/etc/tls/a.key"
client_ca = "/etc/tls/ca.crt"

[[peer]]
name = "CT"
ae_titles = ["CT1"]
addresses = ["10.20.0.11", "10.20.0.16/29"]
services = ["echo", "store", "commit"]
commitment = { address = "10.20.0.11:104", ae_title = "CT1" }

[[peer]]
name = "MR"
ae_titles = ["MR1"]
addresses = ["10.20.0.12"]
tls = "allowed"

[vault]
recipients = ["age1qqqqqqqqqq"]
keep = "72h"

[[destination]]
name = "pacs"
kind = "dimse"
address = "pacs:2762"
ae_title = "PACS"
ca = "/etc/tls/ca.crt"

[[route]]
to = ["pacs"]
when = { modality = ["CT"], peer = ["CT"] }
"""

# What stands in the site's file, what somebody made of it, and what is said: line, place, and what is meant.
SLIPS: dict[str, tuple[str, str, list[str]]] = {
    "YAML: a colon for the equals sign": (
        'ae_title = "EDGE01"',
        'ae_title: "EDGE01"',
        ['2: a key is followed by "=", not by ":"'],
    ),
    "YAML: all of it": (
        SITE,
        "appliance:\n  ae_title: EDGE01\npeer:\n  - name: CT\n",
        [
            (
                "1: that looks like YAML; a section stands in brackets, like [receive], and keys are not "
                "indented under it"
            ),
            '2: a key is followed by "=", not by ":"',
            (
                "3: that looks like YAML; a section stands in brackets, like [receive], and keys are not "
                "indented under it"
            ),
            '4: a list is not written as in YAML, but in brackets: key = ["a", "b"]',
        ],
    ),
    "JSON: all of it": (
        SITE,
        '{"appliance": {"ae_title": "EDGE01"}}\n',
        ["1: that looks like JSON; the configuration is TOML: a [section], below it lines of key = value"],
    ),
    "Python: True": (
        'tls = "allowed"',
        "accept = True",
        ["22: true and false are written in small letters, without quotes"],
    ),
    "YAML: yes": (
        'tls = "allowed"',
        "accept = yes",
        ["22: true and false are written in small letters, without quotes"],
    ),
    "Python: None": ('keep = "72h"', "keep = None", ['26: a key without a value is left out; put "#" before it']),
    "word processor: curly quotes": (
        '"EDGE01"',
        "“EDGE01”",
        ['2: that is a typographic quote, as word processors make it; a text stands in plain "quotes"'],
    ),
    "word processor: single curly quotes": (
        '"EDGE01"',
        "‘EDGE01’",
        ['2: that is a typographic quote, as word processors make it; a text stands in plain "quotes"'],
    ),
    "web page: a space that does not break": (
        'keep = "72h"',
        'keep\u00a0= "72h"',
        ["26: the space here is a special one (U+00A0); type it anew"],
    ),
    "web page: an invisible space": (
        'keep = "72h"',
        '\u200bkeep = "72h"',
        ["26: an invisible character (U+200B) stands here; remove it"],
    ),
    "no quotes": ('"EDGE01"', "EDGE01", ['2: a text stands in "quotes"; only numbers, true and false go without']),
    "quote only behind": (
        '"EDGE01"',
        'EDGE01"',
        ['2: a text stands in "quotes"; only numbers, true and false go without'],
    ),
    "quotes that differ": ('"EDGE01"', "\"EDGE01'", ["2: a text must close with a quote on the line where it opens"]),
    "apostrophe in single quotes": (
        'name = "MR"',
        "name = 'O'Neill'",
        ['19: a text with an apostrophe in it stands in "double quotes"'],
    ),
    "single quote that stays open": (
        'name = "MR"',
        "name = 'MR",
        ["19: the text that opens here has no closing quote"],
    ),
    "single quote that stays open, and another follows": (
        'name = "MR"\nae_titles = ["MR1"]',
        "name = 'MR\nae_titles = ['MR1']",
        ["19: a text must close with a quote on the line where it opens"],
    ),
    "three quotes that stay open": (
        'name = "MR"',
        'name = """MR',
        ["19: the text that opens here has no closing quote"],
    ),
    "duration without quotes": (
        '"72h"',
        "72h",
        ['26: a duration, a share or an address stands in quotes, like "72h", "10%" or "10.20.0.11"'],
    ),
    "address without quotes": (
        'address = "pacs:2762"',
        "address = 10.20.0.5",
        ['31: a duration, a share or an address stands in quotes, like "72h", "10%" or "10.20.0.11"'],
    ),
    "addresses without quotes in a list": (
        '["10.20.0.12"]',
        "[10.20.0.12]",
        ['21: a text stands in "quotes"; only numbers, true and false go without'],
    ),
    "words without quotes in a list": (
        '["echo", "store", "commit"]',
        "[echo, store]",
        ['15: a text stands in "quotes"; only numbers, true and false go without'],
    ),
    "list without brackets": (
        '["echo", "store", "commit"]',
        '"echo", "store"',
        ['15: several values stand in brackets, ["a", "b"]'],
    ),
    "list in parentheses": (
        '["echo", "store", "commit"]',
        '("echo", "store")',
        ['15: a list stands in brackets, ["a", "b"]'],
    ),
    "list without a comma": (
        '["echo", "store", "commit"]',
        '["echo" "store"]',
        ["15: a comma is missing between two items of the list"],
    ),
    "list with a quote too few": (
        '["10.20.0.11", "10.20.0.16/29"]',
        '["10.20.0.11, "10.20.0.16/29"]',
        ["14: a quote is missing here, or one is too many"],
    ),
    "list without its end before a key": ('["MR1"]', '["MR1"', ['20: the list that opens here is not closed with "]"']),
    "list without its end, but a comma": (
        '["MR1"]',
        '["MR1",',
        ['20: the list that opens here is not closed with "]"'],
    ),
    "list without its end before a section": (
        'recipients = ["age1qqqqqqqqqq"]\nkeep = "72h"\n',
        'recipients = ["age1qqqqqqqqqq",\n',
        ['25: the list that opens here is not closed with "]"'],
    ),
    "list without its end at the end": (
        'when = { modality = ["CT"], peer = ["CT"] }',
        'when = { modality = ["CT"], peer = ["CT" }',
        ['37: a list closes with "]", and commas stand between its items'],
    ),
    "last list without its end": (
        'to = ["pacs"]\nwhen = { modality = ["CT"], peer = ["CT"] }\n',
        'to = ["pacs"\n',
        ['36: the list that opens here is not closed with "]"'],
    ),
    "lines of a list without a comma": (
        '["age1qqqqqqqqqq"]',
        '[\n  "age1qqqqqqqqqq"\n  "age1pppppppppp"\n]',
        ["27: a comma is missing between two items of the list"],
    ),
    "braces over several lines": (
        '{ modality = ["CT"], peer = ["CT"] }',
        '{\n  modality = ["CT"]\n}',
        [
            (
                "37: a table in braces stands on one line, with commas between its keys and none at its "
                "end; or give it a section of its own, like [route.when]"
            )
        ],
    ),
    "braces with a comma at the end": (
        'peer = ["CT"] }',
        'peer = ["CT"], }',
        [
            (
                "37: a table in braces stands on one line, with commas between its keys and none at its "
                "end; or give it a section of its own, like [route.when]"
            )
        ],
    ),
    "braces with colons": (
        '{ modality = ["CT"], peer',
        '{ modality: ["CT"], peer',
        ['37: a key is followed by "=", not by ":"'],
    ),
    "two keys on a line": (
        'name = "MR"\n',
        'name = "MR" ',
        ["19: something stands behind the value; text is quoted, and each key has a line of its own"],
    ),
    "a comma behind a line": ('name = "MR"', 'name = "MR",', ["19: no comma stands at the end of a line"]),
    "a semicolon behind a line": ('name = "MR"', 'name = "MR";', ["19: no semicolon stands at the end of a line"]),
    "C: a comment": ('name = "MR"', 'name = "MR" // the scanner', ['19: a comment begins with "#"']),
    "INI: a comment": ('name = "MR"', '; the scanner\nname = "MR"', ['19: a comment begins with "#"']),
    "SQL: a comment": ('name = "MR"', '-- the scanner\nname = "MR"', ['19: a comment begins with "#"']),
    "XML: all of it": (
        SITE,
        "<config>\n</config>\n",
        ["1: that looks like XML; the configuration is TOML: a [section], below it lines of key = value"],
    ),
    "git: a conflict": (
        'name = "MR"',
        '<<<<<<< HEAD\nname = "MR"\n=======\nname = "MR 1"\n>>>>>>> main',
        ["19: that is the mark of a merge conflict; keep one of both sides, and remove the marks"],
    ),
    "one equals sign too many": ("keep = ", "keep == ", ['26: one "=" stands between a key and its value']),
    "Pascal": ("keep = ", "keep := ", ['26: a key is followed by "=" alone']),
    "Ruby": ("keep = ", "keep => ", ['26: one "=" stands between a key and its value']),
    "no value": (
        'keep = "72h"',
        "keep =",
        ['26: the value behind "=" is missing; put "#" before a key that is to have its default'],
    ),
    "no value, but a comment": (
        'keep = "72h"',
        "keep = # later",
        ['26: the value behind "=" is missing; put "#" before a key that is to have its default'],
    ),
    "no key": ('keep = "72h"', '= "72h"', ['26: the key before "=" is missing']),
    "a section with one bracket": ("[vault]", "vault]", ['24: a section opens with "[" too']),
    "a section without an end": ("[vault]", "[vault", ['24: a section closes with "]" on its line']),
    "two brackets at one end": (
        '[[peer]]\nname = "MR"',
        '[peer]]\nname = "MR"',
        ['18: a section stands in as many "[" as "]"'],
    ),
    "a first peer in one bracket": (
        '[[peer]]\nname = "CT"',
        '[peer]\nname = "CT"',
        ["18: this section stood in one bracket before; write it in two brackets, [[…]], each time"],
    ),
    "zeros before a number": (
        'tls = "allowed"',
        "max_associations = 04",
        ["22: a number is written without zeros before it"],
    ),
    "commas in a number": ("client_ca =", "max_pdu = 131,072\nclient_ca =", ["9: a number is written without commas"]),
    "a key twice": (
        'keep = "72h"',
        'keep = "72h"\nkeep = "48h"',
        ["27: this key stands here a second time; the first is in line 26"],
    ),
    "a section that stayed a comment": (
        'tls = "allowed"\n',
        'tls = "allowed"\n\n# [[peer]]    # another\nname = "US"\n',
        [
            (
                '25: this key stands here a second time; the first is in line 19; is the "#" before the '
                "section in line 24 one too many?"
            )
        ],
    ),
    "a key of a section that stayed a comment": (
        "[[route]]",
        '# [sensor]\nports = [104]\nurl = "https://h"\n[[route]]',
        [
            '36: destination "pacs".ports: unknown key here; it belongs to [[sensor.server]]',
            (
                '37: destination "pacs".url: unknown key with kind = "dimse"; it belongs to kind = "stow" '
                'or "object-store"'
            ),
        ],
    ),
    "a key of one kind in another section": (
        'tls = "allowed"',
        'url = "https://h"',
        ['22: peer "MR".url: unknown key here; it belongs to [[destination]]'],
    ),
    "three mistakes in three lines": (
        '[appliance]\nae_title = "EDGE01"\n',
        "[appliance]\nae_title: EDGE01\nstate_dir = /var/lib/appliance\nruntime_dir = “/run/appliance”\n",
        [
            '2: a key is followed by "=", not by ":"',
            '3: a text stands in "quotes"; only numbers, true and false go without',
            '4: that is a typographic quote, as word processors make it; a text stands in plain "quotes"',
        ],
    ),
    "Macintosh: all of it": (
        "\n",
        "\r",
        ["1: a line ends with a lone carriage return; save the file with plain line ends"],
    ),
    "an AE title as others call it": (
        'ae_titles = ["MR1"]',
        'aet = ["MR1"]',
        ['20: peer "MR".aet: unknown key; did you mean "ae_titles"?'],
    ),
    "addresses as others call them": (
        'addresses = ["10.20.0.12"]',
        'ip = "10.20.0.12"',
        ['21: peer "MR".ip: unknown key; did you mean "addresses"?'],
    ),
    "an address and its port apart": (
        'address = "pacs:2762"',
        'address = "pacs"\nport = 2762',
        [
            (
                '31: destination "pacs".address: "pacs" will not do; an address with its port is written '
                'like "pacs.example:2762" or "[2001:db8::1]:2762"; the port is missing'
            ),
            (
                '32: destination "pacs".port: unknown key; the port stands behind the address, like '
                '"pacs.rad.example:2762"'
            ),
        ],
    ),
    "a section in the plural": ("[[peer]]", "[[peers]]", ["11: peers: unknown section; did you mean [[peer]]?"]),
    "a section in capitals": ("[receive]", "[Receive]", ["4: Receive: unknown section; did you mean [receive]?"]),
    "a section within a section": (
        "[receive]",
        "[appliance.receive]",
        ["4: appliance.receive: unknown key here; [receive] is a section of its own"],
    ),
    "a section that is written twice over": (
        "keep = ",
        "vault.keep = ",
        ['26: vault.vault: [vault] is open here already; write the keys without "vault."'],
    ),
    "only one destination, in one bracket": (
        "[[destination]]",
        "[destination]",
        ["28: destination: write [[destination]] in two brackets, once for each"],
    ),
    "a key before the first section": (
        '[appliance]\nae_title = "EDGE01"',
        'ae_title = "EDGE01"\n[appliance]',
        ["1: ae_title: unknown key here; it belongs to [appliance]"],
    ),
    "a file of TLS by another name": (
        'certificate = "/etc/tls/a.crt"',
        'cert = "/etc/tls/a.crt"',
        ['7: receive.cert: unknown key; did you mean "certificate"?'],
    ),
    "CA by another name": (
        'ca = "/etc/tls/ca.crt"\n\n[[route',
        'ca_file = "/etc/tls/ca.crt"\n\n[[route',
        ['33: destination "pacs".ca_file: unknown key; did you mean "ca"?'],
    ),
    "another word for a kind": (
        'kind = "dimse"',
        'kind = "s3"',
        [
            (
                '30: destination "pacs".kind: "s3" is none of "dimse", "stow" or "object-store"; did you '
                'mean "object-store"?'
            )
        ],
    ),
    "a service that is misspelt": (
        '"commit"]',
        '"comit"]',
        [('15: peer "CT".services #3: "comit" is none of "echo", "store" or "commit"; did you mean "commit"?')],
    ),
    "services in one text": (
        '["echo", "store", "commit"]',
        '"echo, store, commit"',
        ['15: peer "CT".services: this is text; a list is meant, ["echo", "store", "commit"]'],
    ),
    "a dash of a word processor": (
        'tls = "allowed"',
        'hours = "06:00–22:00"',
        [
            (
                '22: peer "MR".hours: "06:00–22:00" will not do; hours are written like "06:00-22:00"; '
                'several with commas between, over midnight like "22:00-06:00"; the character U+2013 in it '
                'is no "-", type that anew'
            )
        ],
    ),
    "days in hours": (
        'tls = "allowed"',
        'hours = "Mon-Fri 06:00-22:00"',
        [
            (
                '22: peer "MR".hours: "Mon-Fri 06:00-22:00" will not do; hours are those of every day, '
                'without its name, like "06:00-22:00"'
            )
        ],
    ),
    "a port beyond the last": (
        ':2762"]',
        ':27620000"]',
        [
            (
                '5: receive.listen #1: "[::]:27620000" will not do; an address with its port is written '
                'like "pacs.example:2762" or "[2001:db8::1]:2762"; ports go from 1 to 65535'
            )
        ],
    ),
    "IPv6 without brackets": (
        '["[::]:2762"]',
        '["2001:db8::1:2762"]',
        [
            (
                '5: receive.listen #1: "2001:db8::1:2762" will not do; an address with its port is written '
                'like "pacs.example:2762" or "[2001:db8::1]:2762"; brackets stand around an IPv6 address'
            )
        ],
    ),
    "every address, as others write it": (
        '["[::]:2762"]',
        '["*:2762"]',
        [
            (
                '5: receive.listen #1: "*:2762" will not do; an address with its port is written like '
                '"pacs.example:2762" or "[2001:db8::1]:2762"; "[::]" is every address of this box'
            )
        ],
    ),
    "a URL for an address": (
        '"pacs:2762"',
        '"dicom://pacs:2762"',
        [
            (
                '31: destination "pacs".address: "dicom://pacs:2762" will not do; an address with its port '
                'is written like "pacs.example:2762" or "[2001:db8::1]:2762"; without what stands before '
                "it, as in URLs"
            )
        ],
    ),
    "a name for an address": (
        '["10.20.0.12"]',
        '["mr.rad.example"]',
        [
            (
                '21: peer "MR".addresses #1: "mr.rad.example" will not do; an address is written like '
                '"10.20.0.11", a range like "10.20.0.16/29"; not a name'
            )
        ],
    ),
    "from and to for a range": (
        '["10.20.0.12"]',
        '["10.20.0.12-10.20.0.20"]',
        [
            (
                '21: peer "MR".addresses #1: "10.20.0.12-10.20.0.20" will not do; an address is written '
                'like "10.20.0.11", a range like "10.20.0.16/29"; a range that is none of these is several '
                "of them"
            )
        ],
    ),
    "an address with a port": (
        '["10.20.0.12"]',
        '["10.20.0.12:104"]',
        [
            (
                '21: peer "MR".addresses #1: "10.20.0.12:104" will not do; an address is written like '
                '"10.20.0.11", a range like "10.20.0.16/29"; without a port: devices call from any'
            )
        ],
    ),
    "zeros in an address": (
        '["10.20.0.12"]',
        '["10.020.0.012"]',
        [
            (
                '21: peer "MR".addresses #1: "10.020.0.012" will not do; an address is written like '
                '"10.20.0.11", a range like "10.20.0.16/29"; without zeros before a number'
            )
        ],
    ),
    "text for braces of their own": (
        'tls = "allowed"',
        'user_identity = "username"',
        [
            (
                '22: peer "MR".user_identity: this is text; a table in braces is meant, like { type = '
                '"username", usernames = ["ct-suite-2"] }'
            )
        ],
    ),
    "a point in a whole number": (
        "client_ca =",
        "workers = 2.0\nclient_ca =",
        ["9: receive.workers: 2.0 will not do; a whole number is meant, without a point"],
    ),
    "a private key for its path": (
        '"/etc/tls/a.key"',
        '"-----BEGIN PRIVATE KEY-----MIIEvQIBADANBg"',
        [
            (
                "8: receive.key: (a secret key, not shown) will not do; a path is written from the root, "
                'like "/etc/appliance/tls/site-ca.crt"'
            )
        ],
    ),
}


def said(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(text.encode(), "f")
    return [str(problem).removeprefix("f:") for problem in caught.value.problems]


def test_the_site_is_right() -> None:
    parse_config(SITE.encode())


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_said_with_its_line_and_what_is_meant(slip: str) -> None:
    before, after, messages = SLIPS[slip]
    everywhere = len(before) == 1 or before == "[[peer]]"
    assert before in SITE
    assert said(SITE.replace(before, after, -1 if everywhere else 1)) == messages


# What may slip in any line, and what in any key.
IN_A_LINE: dict[str, Callable[[str], str]] = {
    "a colon": lambda line: line.replace("=", ":", 1),
    "no equals sign": lambda line: line.replace("=", "", 1),
    "two equals signs": lambda line: line.replace("=", "==", 1),
    "no quotes": lambda line: line.replace('"', ""),
    "no first quote": lambda line: line.replace('"', "", 1),
    "no last quote": lambda line: '"'.join(line.split('"')[:-1]) + line.split('"')[-1],
    "curly quotes": lambda line: re.sub(r'"([^"]*)"', r"“\1”", line),
    "one single quote": lambda line: line.replace('"', "'", 1),
    "a semicolon": lambda line: f"{line};",
    "a comma": lambda line: f"{line},",
    "a comment of C": lambda line: f"{line} // x",
    "no end of a list": lambda line: "]".join(line.split("]")[:-1]) + line.split("]")[-1],
    "no begin of a list": lambda line: line.replace("[", "", 1),
    "no end of braces": lambda line: "}".join(line.split("}")[:-1]) + line.split("}")[-1],
    "no value": lambda line: line.partition("=")[0] + "=" if "=" in line else line,
    "no key": lambda line: "=" + line.partition("=")[2] if "=" in line else line,
    "special spaces": lambda line: line.replace(" ", "\u00a0"),
}
IN_A_KEY: dict[str, Callable[[str], str]] = {
    "no last letter": lambda key: key[:-1],
    "no first letter": lambda key: key[1:],
    "capitals": str.upper,
    "a plural": lambda key: f"{key}s",
    "letters that changed places": lambda key: f"{key[0]}{key[2]}{key[1]}{key[3:]}",
}


@pytest.mark.parametrize("slip", IN_A_LINE)
def test_a_slip_in_any_line_is_one_message_on_that_line(slip: str) -> None:
    lines = VALID.split("\n")
    slipped = 0
    for number, line in enumerate(lines, 1):
        changed = IN_A_LINE[slip](line)
        if changed == line or not line:
            continue
        text = "\n".join([*lines[: number - 1], changed, *lines[number:]])
        try:
            parse_config(text.encode())
        except ConfigErrors as errors:
            assert [each.line for each in errors.problems] == [number], changed
            slipped += 1
    assert slipped > 1


@pytest.mark.parametrize("slip", IN_A_KEY)
def test_a_slip_in_any_key_is_one_message_on_that_line(slip: str) -> None:
    lines = VALID.split("\n")
    for number, line in enumerate(lines, 1):
        key, equals, value = line.partition(" = ")
        changed = IN_A_KEY[slip](key) if equals and len(key) > 2 else key
        if changed != key:
            text = "\n".join([*lines[: number - 1], changed + equals + value, *lines[number:]])
            assert [each.partition(":")[0] for each in said(text)] == [str(number)], line
