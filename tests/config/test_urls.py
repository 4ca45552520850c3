from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.config.urls import Place, parse_dimse, parse_place, parse_service, parse_web
from appliance.config.values import HostPort


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://pacs.rad.example/dicom-web", "https://pacs.rad.example/dicom-web"),
        ("https://pacs.rad.example/", "https://pacs.rad.example"),
        ("http://[2001:db8::1]:8042/a/b", "http://[2001:db8::1]:8042/a/b"),
        ("https://h/v1/projects/p/dicomStores/s/dicomWeb/", "https://h/v1/projects/p/dicomStores/s/dicomWeb"),
    ],
)
def test_services(written: str, meant: str) -> None:
    assert parse_service(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "pacs.rad.example", "ftp://h/x", "ftp://h:21/x", "HTTPS://h/x", " https://h:443/x",
        "https://", "https://h:0/", "https://h:99999/", "https://u@h/", "https://u:p@h/",
        "https://h/?a=b", "https://h/#x", "https://h/?", "https://h/a b", "https://h/a\nb", "https://h/../x",
        "https://h/%2e%2E/x", "https://[::1", "https://h\u00e4/x", 5, None, ["https://h"],
    ],
)  # fmt: skip
def test_what_is_no_service(written: Any) -> None:
    for parse in (parse_service, parse_web):
        with pytest.raises(ValueError, match="no user, no query, no fragment"):
            parse(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3://sealed", Place("sealed")),
        ("s3://sealed/", Place("sealed")),
        ("s3://sealed.example/edge01/ct/", Place("sealed.example", "edge01/ct")),
        ("file:///mnt/archive", Place(directory=Path("/mnt/archive"))),
        ("file:///mnt/two words/", Place(directory=Path("/mnt/two words"))),
    ],
)
def test_places(written: str, meant: Place) -> None:
    assert parse_place(written) == meant
    assert parse_place(parse_place(written)) == meant
    assert parse_place(str(meant)) == meant


@pytest.mark.parametrize(
    "written",
    [
        "s3://", "s3://ab", "s3://Sealed", "s3://sealed//x", "s3://sealed/../x", "s3://sealed/a b", "gs://sealed",
        "/mnt/x", "s3://sealed/x?y", "file://mnt/x", "file:///mnt/%2e", "file:///mnt/\n", "", 5, None,
    ],
)  # fmt: skip
def test_what_is_no_place(written: Any) -> None:
    with pytest.raises(ValueError, match="a place for objects is written like"):
        parse_place(written)


def test_a_pacs() -> None:
    assert parse_dimse("dimse://PACS@pacs.example:2762") == ("PACS", HostPort("pacs.example", 2762))
    assert parse_dimse("dimse://MY%20PACS@[2001:db8::1]:104") == ("MY PACS", HostPort("2001:db8::1", 104))
    assert parse_dimse("dimse://A@B@h:104") == ("A@B", HostPort("h", 104))


@pytest.mark.parametrize("written", ["dimse://h:104", "dimse://@h:104", "dimse://P@h", "http://P@h:1", "P@h:104", 5])
def test_what_is_no_pacs(written: Any) -> None:
    with pytest.raises(ValueError, match="is written like|an AE title has"):
        parse_dimse(written)
