"""TLS, and where it is missing: D15 to D20."""

from __future__ import annotations

from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import echo, relay, s_client, s_server, tls, without_tls_1_3

STRONG = ("-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")


@shows("D15", "echoscu", evidence="TLS is required by the entry of MR")
def mr_in_clear(lab: Lab) -> None:
    """The MR, of which TLS is required, calls in clear."""
    echo(lab, host="mr", calling="MR1")


@shows("D15", "echoscu", evidence="TLS is required by the entry of this appliance")
def clear_at_a_tls_port(lab: Lab) -> None:
    """The CT calls in clear where the appliance speaks TLS."""
    echo(lab, port=2762)


@quiet("D15", "echoscu")
def mr_over_tls(lab: Lab) -> None:
    """The MR calls over TLS."""
    assert echo(lab, *tls(lab, "mr"), host="mr", calling="MR1", port=2762) == 0


@shows("D16", "openssl", evidence="CBC with SHA-1")
def weak_cipher(lab: Lab) -> None:
    """openssl s_client offers CBC with SHA-1 and nothing else."""
    with s_server(lab, 2762, "-cipher", "ALL:@SECLEVEL=0"):
        s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


@shows("D16", "openssl", evidence="TLS 1.0")
def old_version(lab: Lab) -> None:
    """openssl s_client and s_server speak TLS 1.0."""
    old = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
    with s_server(lab, 2762, *old):
        s_client(lab, lab.ct, lab.pacs, 2762, *old)


@quiet("D16", "openssl")
def strong_cipher(lab: Lab) -> None:
    """TLS 1.2 with ECDHE and AES-GCM."""
    with s_server(lab, 2762):
        s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *STRONG)


@shows("D17", "openssl", evidence="expired on")
def expired_certificate(lab: Lab) -> None:
    """openssl s_server shows a certificate that expired."""
    with s_server(lab, 2762, pem=lab.tls / "old.pem"):
        s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *STRONG)


@shows("D17", "openssl", evidence="is not valid before")
def early_certificate(lab: Lab) -> None:
    """openssl s_server shows a certificate of next decade."""
    with s_server(lab, 2762, pem=lab.tls / "early.pem"):
        s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *STRONG)


@shows("D17", "openssl", evidence="RSA key has 1024 bits")
def weak_certificate(lab: Lab) -> None:
    """openssl s_server shows a certificate with a short key."""
    weak = ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    with s_server(lab, 2762, *weak, pem=lab.tls / "weak.pem"):
        s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *weak)


@shows("D17", "openssl", evidence="another certificate")
def other_certificate(lab: Lab) -> None:
    """Two days later the server shows another certificate than before."""
    strong_cipher(lab)
    lab.mirror.pass_time(2 * 86400)
    both = ("-cert", str(lab.tls / "foreign.crt"), "-key", str(lab.tls / "foreign.key"))
    process = lab.pacs.serve(2762, "openssl", "s_server", "-accept", "2762", *both, "-quiet")
    s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *STRONG)
    lab.pacs.stop(process)


def _shown(lab: Lab, name: str, *more: str) -> None:
    both = ("-cert", str(lab.tls / f"{name}.crt"), "-key", str(lab.tls / f"{name}.key"))
    process = lab.pacs.serve(2762, "openssl", "s_server", "-accept", "2762", *both, *more, "-quiet")
    s_client(lab, lab.ct, lab.pacs, 2762, "-tls1_2", *STRONG)
    lab.pacs.stop(process)


@shows("D17", "openssl", evidence="is signed by no CA of the site")
def certificate_of_another_ca(lab: Lab) -> None:
    """The first certificate that the PACS ever shows is of a CA that is not the site's."""
    _shown(lab, "foreign")


@shows("D17", "openssl", evidence="is signed by no CA of the site")
def certificate_of_a_feigned_ca(lab: Lab) -> None:
    """Its CA calls itself as the site's does, and the site's own certificate is shown behind it."""
    _shown(lab, "feigned", "-cert_chain", str(lab.tls / "ca.crt"))


@shows("D17", "openssl", evidence="is signed by no CA of the site")
def certificate_without_those_between(lab: Lab) -> None:
    """Its CA is one below the site's, which is not shown, so that nobody can tell."""
    _shown(lab, "chained")


@quiet("D17", "openssl")
def certificate_of_a_ca_below(lab: Lab) -> None:
    """Its CA is one below the site's, which is shown behind it."""
    _shown(lab, "chained", "-cert_chain", str(lab.tls / "below.crt"))


@quiet("D17", "openssl")
def certificate_of_another_ca_elsewhere(lab: Lab) -> None:
    """A web server with a certificate of another CA is none of our business."""
    both = ("-cert", str(lab.tls / "foreign.crt"), "-key", str(lab.tls / "foreign.key"))
    process = lab.pacs.serve(8443, "openssl", "s_server", "-accept", "8443", *both, "-alpn", "http/1.1", "-quiet")
    s_client(lab, lab.ct, lab.pacs, 8443, "-tls1_2", "-alpn", "http/1.1")
    lab.pacs.stop(process)


@quiet("D17", "openssl")
def good_certificate(lab: Lab) -> None:
    """Two days later the server shows the certificate that it showed before."""
    strong_cipher(lab)
    lab.mirror.pass_time(2 * 86400)
    strong_cipher(lab)


def _knock(lab: Lab, name: str, count: int = 6) -> None:
    mine = ("-cert", str(lab.tls / f"{name}.crt"), "-key", str(lab.tls / f"{name}.key"))
    for _ in range(count):
        s_client(lab, lab.mr, lab.edge, 2762, "-tls1_2", *mine)


@shows("D18", "openssl", "D17")
def foreign_certificate(lab: Lab) -> None:
    """Six handshakes with a certificate of another CA."""
    _knock(lab, "foreign")


@quiet("D18", "openssl", "D17")
def foreign_certificate_tried_four_times(lab: Lab) -> None:
    """Four handshakes with a certificate of another CA: that is said once, of the certificate."""
    _knock(lab, "foreign", 4)


@quiet("D18", "openssl")
def certificate_of_ours(lab: Lab) -> None:
    """Six handshakes with a certificate of the site's CA."""
    _knock(lab, "mr")


@shows("D19", "openssl", evidence="its client has no entry")
def unlisted_client(lab: Lab) -> None:
    """openssl s_client from an address without an entry."""
    s_client(lab, lab.attacker, lab.edge, 2762)


@shows("D19", "openssl", evidence="its server is not registered")
def unlisted_server(lab: Lab) -> None:
    """TLS to a port of DICOM at a host that is no server."""
    both = ("-cert", str(lab.tls / "foreign.crt"), "-key", str(lab.tls / "foreign.key"))
    process = lab.attacker.serve(2762, "openssl", "s_server", "-accept", "2762", *both, "-quiet")
    s_client(lab, lab.ct, lab.attacker, 2762)
    lab.attacker.stop(process)


def _at_8443(lab: Lab, *options: str) -> None:
    both = ("-cert", str(lab.tls / "foreign.crt"), "-key", str(lab.tls / "foreign.key"))
    process = lab.attacker.serve(8443, "openssl", "s_server", "-accept", "8443", *both, "-quiet")
    s_client(lab, lab.ct, lab.attacker, 8443, *options)
    lab.attacker.stop(process)


@shows("D19", "openssl", evidence="neither its port nor its hello tells")
def tls_at_any_port(lab: Lab) -> None:
    """The CT speaks TLS with the attacker at port 8443, and nothing says what it is."""
    _at_8443(lab)


@quiet("D19", "openssl")
def web_at_any_port(lab: Lab) -> None:
    """It says that it is the web."""
    _at_8443(lab, "-alpn", "http/1.1")


@quiet("D19", "openssl")
def listed_client(lab: Lab) -> None:
    """openssl s_client from a registered modality."""
    s_client(lab, lab.mr, lab.edge, 2762)


@shows("D20", "openssl", evidence="TLS 1.3")
def downgraded(lab: Lab) -> None:
    """A server that spoke TLS 1.3 before speaks TLS 1.2 with a client that offers both."""
    with s_server(lab, 2763):
        s_client(lab, lab.ct, lab.pacs, 2763)
    with s_server(lab, 2763, "-tls1_2"):
        s_client(lab, lab.ct, lab.pacs, 2763)


@shows("D20", "openssl", evidence="says that it knows better")
def downgraded_on_the_way(lab: Lab) -> None:
    """A relay takes TLS 1.3 out of what the client offers; the server's random says so (RFC 8446 4.1.3)."""
    with s_server(lab, 2764), relay(lab.pacs, 2763, 2764, without_tls_1_3):
        s_client(lab, lab.ct, lab.pacs, 2763)


@quiet("D20", "openssl")
def relayed(lab: Lab) -> None:
    """A relay changes nothing."""
    with s_server(lab, 2764), relay(lab.pacs, 2763, 2764, bytes):
        s_client(lab, lab.ct, lab.pacs, 2763)


@quiet("D20", "openssl")
def old_client(lab: Lab) -> None:
    """The server speaks TLS 1.2 with a client that offers no more."""
    with s_server(lab, 2763):
        s_client(lab, lab.ct, lab.pacs, 2763)
        s_client(lab, lab.ct, lab.pacs, 2763, "-tls1_2")
