"""pynetdicom's and scapy's reading of single PDUs, in the shape of `readings.py`. They raise what those raise."""

from __future__ import annotations

from typing import Any

from tests.sensor_lab.readings import Association, Context, Pdu, text

RQ, AC, RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
# Where scapy's layer gives up without a word: behind so many transfer syntaxes of a context, or items of the user.
SCAPYS_SYNTAXES, SCAPYS_ITEMS = 64, 32


# pynetdicom


def by_pynetdicom(pdu: bytes) -> Any:
    """A PDU, decoded."""
    import pynetdicom.pdu as layouts

    names = ("A_ASSOCIATE_RQ", "A_ASSOCIATE_AC", "A_ASSOCIATE_RJ", "P_DATA_TF")
    kind = getattr(layouts, (*names, "A_RELEASE_RQ", "A_RELEASE_RP", "A_ABORT_RQ")[pdu[0] - 1])
    decoded = kind()
    decoded.decode(pdu)
    return decoded


def association_by_pynetdicom(pdu: bytes) -> Association:
    """An A-ASSOCIATE-RQ or -AC."""
    said = by_pynetdicom(pdu)
    user = said.user_information
    contexts = []
    for each in said.presentation_context:
        if pdu[0] == RQ:
            syntaxes = tuple(map(str, each.transfer_syntax))
            contexts.append(Context(each.context_id, str(each.abstract_syntax), syntaxes, None))
        else:
            one = (str(each.transfer_syntax),) if each.transfer_syntax else ()
            contexts.append(Context(each.context_id, "", one, each.result))
    identity = user.user_identity if pdu[0] == RQ else None
    return Association(
        pdu[0],
        said.protocol_version,
        str(said.called_ae_title).strip(),
        str(said.calling_ae_title).strip(),
        str(said.application_context_name),
        contexts,
        user.maximum_length,
        str(user.implementation_class_uid or ""),
        (user.implementation_version_name or "").strip(),
        identity.user_identity_type if identity else None,
    )


def pdvs_by_pynetdicom(pdu: bytes) -> Pdu:
    """A P-DATA-TF: of each PDV its length, presentation context and flags."""
    said = by_pynetdicom(pdu)
    items = said.presentation_data_value_items
    return Pdu(pdu[0], said.pdu_length, [(each.item_length, each.context_id, each.data[0]) for each in items])


def end_by_pynetdicom(pdu: bytes) -> tuple[int, ...]:
    """Why an A-ASSOCIATE-RJ or an A-ABORT came."""
    said = by_pynetdicom(pdu)
    if pdu[0] == RJ:
        return said.result, said.source, said.reason_diagnostic
    return said.source, said.reason_diagnostic


# scapy


def _layers() -> Any:
    import scapy.contrib.dicom as layers  # late: it takes its time

    return layers


def association_by_scapy(pdu: bytes) -> Association:
    """An A-ASSOCIATE-RQ or -AC."""
    layers = _layers()
    said = layers.DICOM(pdu)[layers.A_ASSOCIATE_RQ if pdu[0] == RQ else layers.A_ASSOCIATE_AC]
    found = Association(pdu[0], said.protocol_version, _text(said.called_ae_title), _text(said.calling_ae_title))
    context = layers.DICOMPresentationContextRQ if pdu[0] == RQ else layers.DICOMPresentationContextAC
    for item in said.variable_items:
        if layers.DICOMApplicationContext in item:
            found.application = _text(item[layers.DICOMApplicationContext].uid)
        elif context in item:
            one = item[context]
            abstract = "".join(_uids(one.sub_items, layers.DICOMAbstractSyntax))
            transfers = tuple(_uids(one.sub_items, layers.DICOMTransferSyntax))
            result = one.result if pdu[0] == AC else None
            found.contexts.append(Context(one.context_id, abstract, transfers, result))
        elif layers.DICOMUserInformation in item:
            for each in item[layers.DICOMUserInformation].sub_items:
                _user_item(each, found)
    return found


def _uids(items: Any, kind: Any) -> list[str]:
    return [_text(each[kind].uid) for each in items if kind in each]


def _user_item(item: Any, found: Association) -> None:
    layers = _layers()
    if layers.DICOMMaximumLength in item:
        found.max_length = item[layers.DICOMMaximumLength].max_pdu_length
    elif layers.DICOMImplementationClassUID in item:
        found.implementation = _text(item[layers.DICOMImplementationClassUID].uid)
    elif layers.DICOMImplementationVersionName in item:
        found.version_name = _text(item[layers.DICOMImplementationVersionName].getfieldval("name"))
    elif layers.DICOMUserIdentity in item:
        found.identity = item[layers.DICOMUserIdentity].user_identity_type


def pdvs_by_scapy(pdu: bytes) -> Pdu:
    """A P-DATA-TF: of each PDV its length, presentation context and flags."""
    layers = _layers()
    said = layers.DICOM(pdu)
    items = said[layers.P_DATA_TF].pdv_items
    pdvs = [(a.length, a.context_id, a.reserved_bits << 2 | a.is_last << 1 | a.is_command) for a in items]
    return Pdu(said.pdu_type, said.length, pdvs)


def end_by_scapy(pdu: bytes) -> tuple[int, ...]:
    """Why an A-ASSOCIATE-RJ or an A-ABORT came."""
    layers = _layers()
    said = layers.DICOM(pdu)
    if pdu[0] == RJ:
        why = said[layers.A_ASSOCIATE_RJ]
        return why.result, why.source, why.reason_diag
    return said[layers.A_ABORT].source, said[layers.A_ABORT].reason_diag


def _text(value: Any) -> str:
    return text(value if isinstance(value, bytes) else str(value).encode("latin-1"))
