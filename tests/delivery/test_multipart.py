from __future__ import annotations

import email
import email.policy

import pytest

from appliance.base.errors import LocalError
from appliance.delivery.multipart import Related


def test_a_reader_of_mail_finds_the_one_part() -> None:
    content = bytes(range(256)) * 10
    related = Related("b0undary", len(content))
    body = b"".join(related.body([memoryview(content[:1000]), memoryview(content[1000:])]))
    assert len(body) == related.length
    head = f"MIME-Version: 1.0\r\nContent-Type: {related.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    (part,) = message.iter_parts()
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == part.get_content_type() == "application/dicom"
    # The reader splits lines, so only what is between the empty line and the boundary is compared here.
    assert body.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n--b0undary--\r\n") == content


@pytest.mark.parametrize("size", [4, 6])
def test_another_size_than_was_said_never_comes_to_an_end(size: int) -> None:
    got = []
    with pytest.raises(LocalError):
        got.extend(Related("b", size).body([memoryview(b"12345")]))
    assert not any(b"--b--" in piece for piece in got)
    assert sum(map(len, got)) < Related("b", size).length
