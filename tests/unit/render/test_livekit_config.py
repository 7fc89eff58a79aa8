"""livekit.yaml and its lint: every known way to lose calls by configuration is named."""

from copy import deepcopy

import pytest
import yaml

from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.render.livekit_config import (
    find_config_mistakes,
    livekit_config,
    render_livekit_config,
)


def a_config(section: str = "", **fields: object) -> Manifest:
    """Return our own configuration with fields of one section, or of the top, replaced."""
    config = deepcopy(livekit_config(a_minimal_fleet()))
    target = config.setdefault(section, {}) if section else config
    target.update(fields)
    return config


@pytest.mark.parametrize("fleet", [a_minimal_fleet(), a_full_fleet()], ids=["minimal", "full"])
def test_our_own_configuration_has_no_mistake(fleet):
    """The lint would otherwise accuse its own operator."""
    assert find_config_mistakes(livekit_config(fleet)) == ()


@pytest.mark.parametrize("fleet", [a_minimal_fleet(), a_full_fleet()], ids=["minimal", "full"])
def test_the_file_says_what_was_meant(fleet):
    """We write its YAML ourselves, so a parser must read the same values out of it."""
    text = render_livekit_config(fleet)

    assert yaml.safe_load(text) == livekit_config(fleet)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (a_config(target_load=1), "target_load"),
        (a_config("agents", target_load=0.7), "70%"),
        (a_config("room", empty_timeout=300), "300 s"),
        (a_config("rtc", port_range_start=50000), "udp_port"),
        (a_config(keys={"key": "secret"}), "`keys`"),
        (a_config("redis", password="secret"), "`redis.password`"),
        (a_config(redis={}), "redis.address"),
        (a_config(prometheus={}), "prometheus.port"),
        (a_config("node_selector", sort_by="sysload"), "sysload"),
        (a_config("node_selector", algorithm="lowest"), "twochoice"),
        (a_config(development=True), "development"),
        (a_config("prometheus", port=7880), "TCP port 7880"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_named_with_what_would_happen(config: Manifest, named: str):
    """livekit-server starts with nearly all of them and says nothing."""
    mistakes = find_config_mistakes(config)

    assert len(mistakes) == 1
    assert named in mistakes[0]


def test_an_empty_configuration_is_judged_by_the_servers_defaults():
    """What is not written is not harmless: 70 % of the slots, five minutes of empty rooms."""
    mistakes = find_config_mistakes({})

    assert len(mistakes) == 6


def test_ports_of_an_author_that_clash_are_refused():
    """The server would end at start, and only its log would say why."""
    fleet = with_spec(a_minimal_fleet(), "media.network.signalPort", 6789)

    with pytest.raises(SpecError, match=r"`prometheus\.port` and `port` are both TCP port 6789"):
        render_livekit_config(fleet)


def test_an_external_redis_without_address_is_refused():
    """`voicefleet plan` reads files that no API server has checked."""
    fleet = with_spec(a_minimal_fleet(), "media.redis", {"mode": "External"})

    with pytest.raises(SpecError, match=r"voice/interviews.*spec\.media\.redis\.address"):
        render_livekit_config(fleet)


def test_a_public_address_is_discovered_only_where_it_is_asked_for():
    """Discovery needs the internet at start; on kind the server would not come up."""
    fleet = a_minimal_fleet()
    discovered = with_spec(fleet, "media.network.externalIP", "Discovered")

    answers = [livekit_config(each)["rtc"]["use_external_ip"] for each in (fleet, discovered)]

    assert answers == [False, True]
