"""The benchmark's pynetdicom: a storage SCP over mutual TLS that writes what it gets, as its users write it."""

import itertools
import ssl
import sys
from pathlib import Path

from pynetdicom import AE, AllStoragePresentationContexts, evt

port, tls, root = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
number = itertools.count()


def on_store(event: evt.Event) -> int:
    (root / f"{next(number)}.dcm").write_bytes(event.encoded_dataset())
    return 0


ae = AE("PACS")
ae.supported_contexts = AllStoragePresentationContexts
ae.maximum_pdu_size = 0
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(tls / "appliance.crt", tls / "appliance.key")
context.load_verify_locations(tls / "site-ca.crt")
ae.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, on_store)], ssl_context=context)
