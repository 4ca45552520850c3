"""[panel] and [alerts]: what may be said, and what does not fit together."""

from __future__ import annotations

import pytest

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.config.panel import Leds, parse_led, parse_syslog
from appliance.config.values import HostPort
from tests.config.files import VALID

TOP = VALID[: VALID.index("[alerts]")]


def load(text: str) -> Config:
    return parse_config((TOP + text).encode())


def complaint(text: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        load(text)
    (problem,) = caught.value.problems
    return f"{problem.key}: {problem.message}"


def test_what_is_left_out() -> None:
    config = load("")
    assert (config.alerts, config.panel.metrics, config.panel.leds) == (None, None, None)


def test_what_the_design_shows() -> None:
    config = load('[alerts]\nsyslog = "tls://siem.example:6514"\n[panel]\nmetrics = "127.0.0.1:9465"\n')
    assert config.alerts is not None
    assert config.alerts.syslog == HostPort("siem.example", 6514)
    assert str(config.panel.metrics) == "127.0.0.1:9465"
    assert '"tls://siem.example:6514"' in config.model_dump_json()


@pytest.mark.parametrize(
    "value", ["siem:6514", "udp://siem:514", "tls://siem", "tls://", "tls://a b:1", "tcp://x:1", 3]
)
def test_a_collector_is_reached_over_tls_only(value: object) -> None:
    with pytest.raises(ValueError, match="tls://siem.example:6514"):
        parse_syslog(value)


@pytest.mark.parametrize("value", ["", "../trigger", "a/b", ".", "..", "x" * 64, "a b", 3, None])
def test_a_lamp_is_a_name_and_no_path(value: object) -> None:
    with pytest.raises(ValueError, match="as `ls /sys/class/leds` shows it"):
        parse_led(value)


def test_a_lamp_has_one_function() -> None:
    said = complaint('[panel]\nleds = { ready = "led0", alarm = "led0" }\n')
    assert said == 'panel.leds.alarm: "led0" is the lamp of ready already'


def test_every_lamp_may_be_named() -> None:
    text = ", ".join(f'{name} = "led-{name}"' for name in Leds.model_fields)
    leds = load(f"[panel]\nleds = {{ {text} }}\n").panel.leds
    assert leds is not None and leds.single == "led-single"


def test_certificate_and_key_go_together() -> None:
    said = complaint('[alerts]\nsyslog = "tls://h:1"\ncertificate = "/c"\n')
    assert said == "alerts.certificate: certificate and key go together; key is missing"


def test_a_collector_needs_a_ca() -> None:
    without = TOP.replace('client_ca = "/etc/appliance/tls/site-ca.crt"\n', "").replace('listen = ["[::]:2762"]\n', "")
    with pytest.raises(ConfigErrors, match="it needs the CA that signed the certificate of the collector"):
        parse_config((without + '[alerts]\nsyslog = "tls://h:1"\n').encode())
