"""Cases of what is read and written beside objects: another header, armor, passphrases, exported keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

from appliance.seal.armor import armor
from appliance.seal.encrypting import encrypt
from appliance.seal.header import Stanza, encode_base64, encode_header, mac_key, read_header
from appliance.seal.key_export import export_keys
from appliance.seal.rewrap import rewrap
from appliance.seal.scrypt import ScryptRecipient
from tests.seal.case import CLASSIC, DATA_SET, HEAD, OK, OTHER, PAYLOAD, Case, parts
from tests.seal.objects import CLASSICAL, INDEX_KEY, drawn, sealed

PASSPHRASE = "correct horse battery staple"
WORK = 10  # the least that we write: vectors are opened often
PLAIN = HEAD + DATA_SET
SENT = sealed(DATA_SET + b".", head=HEAD, random=drawn("sent"))
ARMORED = b"".join(armor([SENT]))
BEGIN, *LINES, END = ARMORED.splitlines(keepends=True)


def rewrapped() -> Iterator[Case]:
    header = rewrap(read_header(BytesIO(CLASSIC)), [CLASSICAL], [OTHER.recipient] * 2, drawn("rewrapped"))
    data, origin = header + PAYLOAD, ("rewrapped", "classical")
    new = (origin, ("identity", OTHER.export()))
    yield Case("rewrapped", "two new recipients, record and payload as before", data, OK, OK, OK, PLAIN, more=new)
    old = "the identity that opened it before has no stanza any more"
    yield Case("rewrapped_old_identity", old, data, "no-identity-matches", OK, OK, more=(origin,))


def armored() -> Iterator[Case]:
    def case(name: str, comment: str, text: bytes, error: str = "armor-malformed") -> Case:
        return Case(
            "armored" + name, comment, text, error, plaintext=(PLAIN + b".") * (error == OK), more=(("armored", "yes"),)
        )

    first, rest = LINES[0], b"".join(LINES[1:])
    body = first + rest
    assert LINES[-1].endswith(b"=\n")  # else the cases of padding show nothing
    yield case("", "in ASCII armor", ARMORED, OK)
    full = b"".join(armor([SENT[: len(SENT) - len(SENT) % 48]]))
    yield case("_full_last_line", "the last line is full; the object in it is cut", full, "payload-tampered")
    yield case("_crlf", "lines end in CR LF", ARMORED.replace(b"\n", b"\r\n"), OK)
    yield case("_no_last_line_feed", "the end line has no end of line", ARMORED[:-1], OK)
    yield case("_whitespace", "whitespace before and after", b" \t\r\n\n" + ARMORED + b"\n \t\r\n", OK)
    yield case("_nothing", "armor of nothing", BEGIN + END, "header-malformed")
    yield case("_cut", "the end line is missing", BEGIN + body, "armor-truncated")
    yield case("_cut_in_line", "the file ends within a line", ARMORED[:500], "armor-truncated")
    yield case("_junk_before", "a line of text before", b"Hello,\n" + ARMORED, "header-malformed")
    yield case("_junk_after", "a line of text after", ARMORED + b"Regards\n")
    yield case("_two", "another one after it", ARMORED + ARMORED)
    yield case("_indented", "the first line is indented", b" " + ARMORED)
    yield case("_space_after_begin", "a space after the first line", BEGIN[:-1] + b" \n" + body + END)
    yield case("_much_whitespace", "1025 bytes of whitespace before", b"\n" * 1025 + ARMORED)
    yield case("_much_whitespace_after", "1025 bytes of whitespace after", ARMORED + b"\n" * 1025)
    yield case("_label", "another label", ARMORED.replace(b"AGE ENCRYPTED FILE", b"MESSAGE"))
    yield case("_label_case", "the label in lower case", ARMORED.replace(b"AGE", b"age"))
    yield case("_headers", "headers as in RFC 1421", BEGIN + b"Version: 1\n\n" + body + END)
    yield case("_empty_line", "an empty line at the start", BEGIN + b"\n" + body + END)
    yield case("_empty_line_at_end", "an empty line at the end", BEGIN + body + b"\n" + END)
    yield case("_long_line", "a line of 68 columns", BEGIN + first[:-1] + rest[:4] + b"\n" + rest[4:] + END)
    yield case("_short_line", "a line of 60 columns that is not the last", BEGIN + first[:-5] + b"\n" + rest + END)
    yield case("_space", "a space at the end of a line", BEGIN + first[:-1] + b" \n" + rest + END)
    yield case("_character", "a character that base64 does not have", BEGIN + b"-" + first[1:] + rest + END)
    yield case("_url_alphabet", "the URL-safe alphabet", BEGIN + b"_" + first[1:] + rest + END)
    yield case("_no_padding", "the padding is missing", ARMORED.replace(b"=", b""))
    last = LINES[-1].rstrip(b"=\n")
    loose = last[:-1] + bytes([last[-1] + 1]) + LINES[-1][len(last) :]
    yield case("_not_canonical", "bits left over are not zero", BEGIN + body.replace(LINES[-1], loose) + END)
    yield case("_padding_within", "padding before the last line", BEGIN + first[:-3] + b"==\n" + rest + END)


def passphrases() -> Iterator[Case]:
    def case(name: str, comment: str, data: bytes, error: str, passphrase: str = PASSPHRASE) -> Case:
        plaintext = PLAIN * (error == OK)
        more = (("passphrase", passphrase),)
        return Case("scrypt" + name, comment, data, error, "record-missing", "record-missing", plaintext, more=more)

    data = b"".join(encrypt([PLAIN], ScryptRecipient(PASSPHRASE, WORK), drawn("scrypt")))
    (stanza,), payload = parts(data)
    kind, salt, work = stanza.arguments

    def with_stanza(*arguments: str, body: bytes = stanza.body) -> bytes:
        return encode_header([Stanza((kind, *arguments), body)], mac_key(drawn("scrypt")(16))) + payload

    yield case("", "to a passphrase", data, OK)
    foreign = "Schlüssel für 2 Räume"
    letters = b"".join(encrypt([PLAIN], ScryptRecipient(foreign, WORK), drawn("letters")))
    yield case("_utf8", "a passphrase with letters beyond ASCII", letters, OK, foreign)
    yield case("_no_match", "another passphrase", data, "no-identity-matches", "incorrect horse battery staple")
    malformed = "stanza-malformed"
    yield case("_work_21", "more work than is spent", with_stanza(salt, "21"), "work-factor-refused")
    yield case("_work_long", "a work factor of 5000 digits", with_stanza(salt, "1" * 5000), "work-factor-refused")
    for name, word in (("zero", "0"), ("leading_zero", "010"), ("sign", "+10"), ("hex", "0xa"), ("fraction", "10.0")):
        yield case(f"_work_{name}", f"a work factor of {word}", with_stanza(salt, word), malformed)
    yield case("_work_wrong", "another work factor than in sealing", with_stanza(salt, "11"), "no-identity-matches")
    yield case("_work_missing", "no work factor", with_stanza(salt), malformed)
    yield case("_argument", "an argument too many", with_stanza(salt, work, "more"), malformed)
    yield case("_salt", "a salt of 15 bytes", with_stanza(encode_base64(bytes(15)), work), malformed)
    yield case("_body", "a body of 33 bytes", with_stanza(salt, work, body=stanza.body + b"\0"), malformed)


def exports() -> Iterator[Case]:
    def case(name: str, comment: str, text: str, error: str, data: bytes = b"") -> Case:
        recipient = ScryptRecipient(PASSPHRASE, WORK)
        data = data or b"".join(armor(encrypt([text.encode()], recipient, drawn("keys" + name))))
        expected = (("passphrase", PASSPHRASE), ("armored", "yes"), ("expect-keys", error))
        return Case(f"exported_keys{name}", comment, data, OK, plaintext=text.encode(), more=expected)

    index = f"# index key: {INDEX_KEY.export()}\n"
    pairs = [f"# recipient: {each.recipient}\n{each.export()}\n" for each in (CLASSICAL, OTHER)]
    text = "".join(["# pacs-appliance keys 1\n", index, *pairs])
    both = export_keys([CLASSICAL, OTHER], INDEX_KEY, PASSPHRASE, WORK, drawn("exported keys"))
    yield case("", "an index key and two identities", text, OK, both)
    malformed = "keys-malformed"
    yield case("_none", "an index key and no identity", text[: text.index("# recipient")], OK)
    yield case("_version", "exported keys of version 2", text.replace("keys 1", "keys 2"), malformed)
    yield case("_no_index_key", "no index key", text.replace(index, ""), malformed)
    yield case("_two_index_keys", "two index keys", text.replace(index, index * 2), malformed)
    yield case("_cut", "the last line has no end", text[:-1], malformed)
    yield case("_identity", "a line that is no identity", text + "AGE-PLUGIN-1\n", "key-malformed")


ALL: tuple[Callable[[], Iterator[Case]], ...] = (rewrapped, armored, passphrases, exports)
