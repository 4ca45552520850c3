"""The floor receiver's few bytes of DIMSE, read by the real engine."""

from __future__ import annotations

import struct

from appliance.upper_layer.command import c_store_rq, decode_command
from tests.bench.floor_scp import answer, elements

CT = "1.2.840.10008.5.1.4.1.1.2"


def test_its_answer_is_a_c_store_rsp_with_success() -> None:
    request = elements(c_store_rq(7, CT, "1.2.3.4").encode(True))
    pdu = answer(request, 5)
    kind, length, item, context, control = struct.unpack_from(">BxLLBB", pdu)
    assert (kind, length, item, context, control) == (4, len(pdu) - 6, len(pdu) - 10, 5, 3)
    response = decode_command(pdu[12:])
    assert (response.command_field, response.status, response.message_id_responded_to) == (0x8001, 0, 7)
    assert (response.affected_sop_class, response.affected_sop_instance) == (CT, "1.2.3.4")
    assert not response.data_set_follows
