"""Names, who guesses them, and tools that give themselves away: D01 to D05, D09, D13, D35."""

from __future__ import annotations

from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Line, dcmtk, echo, pynetdicom_echo, within


@shows("D01", "echoscu", evidence='"ROGUE"')
def unknown_title(lab: Lab) -> None:
    """echoscu under a title that nobody registered."""
    echo(lab, host="attacker", calling="ROGUE")


@shows("D01", "pynetdicom", evidence="toolkit's default")
def default_title(lab: Lab) -> None:
    """pynetdicom under its default title."""
    pynetdicom_echo(lab.attacker, "PYNETDICOM", "EDGE01", lab.edge)


@shows("D01", "echoscu", evidence="upper and lower case")
def title_in_lower_case(lab: Lab) -> None:
    """A registered title in lower case."""
    echo(lab, calling="ct1")


@shows("D01", "pynetdicom", evidence='"ROGUE"')
def unknown_title_over_ipv6(lab: Lab) -> None:
    """pynetdicom over IPv6, under a title that nobody registered."""
    pynetdicom_echo(lab.attacker, "ROGUE", "EDGE01", lab.edge, six=True)


@quiet("D01", "echoscu")
def known_title(lab: Lab) -> None:
    """echoscu as the CT."""
    assert echo(lab) == 0


@quiet("D01", "pynetdicom")
def known_title_over_ipv6(lab: Lab) -> None:
    """pynetdicom as the CT, over IPv6."""
    assert pynetdicom_echo(lab.ct, "CT1", "EDGE01", lab.edge, six=True)


@shows("D02", "echoscu", evidence='"GUESS"')
def unknown_called(lab: Lab) -> None:
    """The CT calls a title that the appliance does not answer to."""
    echo(lab, called="GUESS")


def _to_the_reader(lab: Lab, calling: str) -> None:
    lab.viewer.serve(11113, "storescp", "-aet", "READ1", "11113")
    assert dcmtk(lab.ct, "echoscu", calling, "READ1", lab.viewer, 11113).returncode == 0


@shows("D02", "echoscu", evidence="does not list in calls")
def not_on_its_list(lab: Lab) -> None:
    """The low dose CT, whose entry lists the archive alone, calls the reading room."""
    _to_the_reader(lab, "CT2")


@quiet("D02", "echoscu")
def on_its_list(lab: Lab) -> None:
    """It calls the archive; the CT without a list calls the reading room."""
    assert dcmtk(lab.ct, "echoscu", "CT2", "ARCH", lab.pacs).returncode == 0
    _to_the_reader(lab, "CT1")


@shows("D02", "echoscu", evidence="not as one who may call this appliance")
def a_reader_at_our_door(lab: Lab) -> None:
    """The reading room, which has no [[peer]] entry, calls the appliance."""
    echo(lab, host="viewer", calling="READ1")


@quiet("D02", "echoscu")
def second_called(lab: Lab) -> None:
    """The CT calls the appliance by another of its titles."""
    assert echo(lab, called="EDGE02") == 0


@shows("D03", "storescu", evidence='"CT1"')
def borrowed_title(lab: Lab) -> None:
    """The attacker calls itself CT1."""
    from tests.sensor_lab.scenes.content import CT_FILE

    dcmtk(lab.attacker, "storescu", "CT1", "EDGE01", lab.edge, files=(CT_FILE,))


@quiet("D03", "storescu")
def own_title(lab: Lab) -> None:
    """CT1 stores from where it lives."""
    from tests.sensor_lab.scenes.content import CT_FILE

    assert dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, files=(CT_FILE,)).returncode == 0


@shows("D04", "nmap", "D01", "D02", "D05")
def brute_force(lab: Lab) -> None:
    """nmap's dicom-brute with 15 titles."""
    titles = lab.room("brute") / "titles"
    titles.write_text("".join(f"GUESS{number}\n" for number in range(15)))
    script = ("--script", "+dicom-brute", "--script-args", f"passdb={titles}")
    lab.attacker.run("nmap", "-Pn", "-n", *script, "-p", "104", lab.edge.address)


@quiet("D04", "echoscu")
def many_titles_of_ours(lab: Lab) -> None:
    """The CT tries 14 titles of the appliance, one after the other."""
    for number in range(2, 16):
        assert echo(lab, called=f"EDGE{number:02}") == 0


@quiet("D04", "echoscu", "D01")
def nine_titles(lab: Lab) -> None:
    """The CT calls itself nine titles that nobody registered."""
    for number in range(9):
        echo(lab, calling=f"GUESS{number}")


@quiet("D04", "echoscu", "D02")
def wrong_setting(lab: Lab) -> None:
    """The CT has a wrong title of the appliance in its settings, and tries it twelve times."""
    for _ in range(12):
        echo(lab, called="GUESS")


@shows("D05", "nmap", "D01", "D02", evidence="nmap")
def nmap_ping(lab: Lab) -> None:
    """nmap's dicom-ping."""
    lab.attacker.run("nmap", "-Pn", "-n", "--script", "+dicom-ping", "-p", "104", lab.edge.address)


@shows("D05", "scapy", evidence="scapy")
def scapy_client(lab: Lab) -> None:
    """scapy's DICOM client under the name of the CT."""
    from scapy.contrib.dicom import DICOMSocket

    def call() -> None:
        client = DICOMSocket(dst_ip=lab.edge.address, dst_port=104, dst_ae="EDGE01", src_ae="CT1", read_timeout=3)
        client.connect()
        client.associate({"1.2.840.10008.5.1.4.1.1.2": ["1.2.840.10008.1.2"]})
        client.release()
        client.close()

    within(lab.ct.namespace, call)


@quiet("D05", "pynetdicom")
def pynetdicom_client(lab: Lab) -> None:
    """pynetdicom under the name of the CT."""
    assert pynetdicom_echo(lab.ct, "CT1", "EDGE01", lab.edge)


@quiet("D05", "forged PDUs")
def what_nmap_imitates(lab: Lab) -> None:
    """The CT is DCMTK 3.6.2, as which nmap presents itself, with reserved bytes as they should be."""
    line = Line(lab.ct, lab.edge).ask(calling=b"CT1", version_name=b"OFFIS_DCMTK_362")
    line.release()


@shows("D09", "storescu", evidence="a user name and its passcode")
def passcode_in_clear(lab: Lab) -> None:
    """storescu shows a user name and a passcode."""
    from tests.sensor_lab.scenes.content import CT_FILE

    dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, 104, "-usr", "reader", "-pwd", "lab-word", files=(CT_FILE,))


@quiet("D09", "storescu")
def no_user(lab: Lab) -> None:
    """storescu without a user."""
    own_title(lab)


@shows("D13", "echoscu", evidence='"ARCHIVE"')
def decoy_title(lab: Lab) -> None:
    """The CT calls the decoy's title."""
    echo(lab, called="ARCHIVE")


@shows("D13", "nmap", evidence="port 11112")
def decoy_port(lab: Lab) -> None:
    """nmap tries the decoy's port."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-p", "11112", lab.edge.address)


@quiet("D13", "nmap")
def other_ports(lab: Lab) -> None:
    """nmap tries two ports, of which one is open."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-p", "104,11113", lab.edge.address)


@shows("D35", "echoscu", evidence="its hours are 06:00-22:00")
def at_night(lab: Lab) -> None:
    """The ultrasound calls at three in the morning."""
    lab.mirror.pass_time(15 * 3600)
    echo(lab, host="mr", calling="US1")
    lab.mirror.pass_time(9 * 3600)


def _days_at_noon(lab: Lab) -> None:
    for _ in range(15):
        echo(lab)
        lab.mirror.pass_time(86400)


@shows("D35", "echoscu", evidence="as on none of 15 days before")
def at_night_as_never(lab: Lab) -> None:
    """The CT, whose entry has no hours, calls at night after fifteen days on which it called at noon."""
    _days_at_noon(lab)
    lab.mirror.pass_time(12 * 3600)
    echo(lab)


@quiet("D35", "echoscu")
def at_noon_as_ever(lab: Lab) -> None:
    """It calls at noon on the sixteenth day, too."""
    _days_at_noon(lab)
    echo(lab)


@quiet("D35", "echoscu")
def at_noon(lab: Lab) -> None:
    """The ultrasound calls in the middle of the day."""
    echo(lab, host="mr", calling="US1")
