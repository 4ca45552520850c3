"""A small configuration for the tables of this room."""

from __future__ import annotations

from typing import Any

from appliance.config.model import Config

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
SHA = "ab" * 32


def config(**changes: Any) -> Config:
    """Two scanners, one echo-only workstation, one proposed peer, two destinations; `changes` replace sections."""
    peers = [
        {
            "name": "CT",
            "ae_titles": ["CT1", "CT1_QR"],
            "addresses": ["10.20.0.11", "10.20.0.16/29"],
            "certificate": "san:ct1.rad.example",
        },
        {
            "name": "old MR",
            "ae_titles": ["MR1"],
            "addresses": ["10.20.0.12"],
            "tls": "allowed",
            "services": ["store"],
            "sop_classes": [MR],
        },
        {"name": "workstation", "ae_titles": ["WS"], "addresses": ["2001:db8::/64"], "services": ["echo"]},
        {"name": "learned", "ae_titles": ["NEW"], "addresses": ["10.20.0.13"], "accept": False},
        {"name": "serial", "ae_titles": ["US1"], "addresses": ["10.20.0.14"], "tls": "never"},
        {"name": "pinned", "ae_titles": ["XA1"], "addresses": ["10.20.0.15"], "certificate": f"sha256:{SHA}"},
        {
            "name": "half",
            "ae_titles": ["NM1"],
            "addresses": ["10.20.0.24"],
            "tls": "allowed",
            "certificate": f"sha256:{SHA}",
        },
        {
            "name": "day",
            "ae_titles": ["CR1"],
            "addresses": ["10.20.0.25"],
            "hours": "06:00-22:00",
            "tls_profile": "legacy",
        },
    ]
    plain = {"kind": "dimse", "tls": "never", "ae_title": "PACS"}
    whole: dict[str, Any] = {
        "appliance": {"ae_title": "EDGE01"},
        "receive": {"called_ae_titles": ["EDGE01", "PACS"]},
        "peer": peers,
        "vault": {"recipients": ["age1" + "q" * 58]},
        "destination": [
            {"name": "pacs", "address": "pacs.example:104", **plain},
            {"name": "research", "address": "10.0.0.9:104", **plain},
        ],
        "route": [{"to": ["pacs"]}, {"to": ["research", "pacs"], "when": {"modality": ["MR"]}}],
    }
    return Config.model_validate(whole | changes)
