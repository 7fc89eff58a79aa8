"""What counts as a media server's count of rooms and of participants."""

import pytest

from support.fakes import FakeClock
from support.stand_ins import StandInServers, a_running, listening
from voicefleet.adapters.livekit import BODY_BYTES_MAX, PrometheusMediaServers, parse_counts
from voicefleet.errors import UnavailableError
from voicefleet.model.observed import Tier

SERVER = a_running(Tier.MEDIA, 1)


def a_sample(value: str) -> str:
    """Return the room gauge as livekit-server writes it."""
    return f'livekit_room_total{{node_id="ND_a",node_type="SERVER"}} {value}\n'


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        pytest.param(a_sample("0"), 0, id="empty"),
        pytest.param(a_sample("12"), 12, id="a dozen"),
        pytest.param(a_sample("1.2e+01"), 12, id="as Go writes large numbers"),
        pytest.param(a_sample("3 1767605400000"), 3, id="with a time"),
        pytest.param("livekit_room_total 4\n", 4, id="without labels"),
        pytest.param(a_sample("2") + a_sample("3").replace("ND_a", "ND_b"), 5, id="two node ids"),
        pytest.param("livekit_room_total_created 9\n" + a_sample("1"), 1, id="beside its like"),
    ],
)
def test_rooms_are_read(text: str, rooms: int):
    """Every form that the text format allows for the same fact."""
    assert parse_counts(text, source="server").rooms == rooms


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("livekit_participant_total 0\n", id="another metric"),
        pytest.param("# HELP livekit_room_total 0\n", id="only a comment"),
        pytest.param(a_sample("NaN"), id="not a number"),
        pytest.param(a_sample("+Inf"), id="infinite"),
        pytest.param(a_sample("-1"), id="negative"),
        pytest.param(a_sample("0.5"), id="half a room"),
        pytest.param(a_sample("none"), id="a word"),
        pytest.param(a_sample("1e+30"), id="more than any server holds"),
    ],
)
def test_what_is_no_count_is_never_read_as_empty(text: str):
    """An unreadable server may be full of calls."""
    with pytest.raises(UnavailableError) as caught:
        parse_counts(text, source="http://10.0.0.9:6789/metrics")

    assert str(caught.value).startswith("http://10.0.0.9:6789/metrics: ")


@pytest.mark.parametrize(
    ("text", "participants"),
    [
        pytest.param("livekit_participant_total 14\n", 14, id="a sample"),
        pytest.param('livekit_participant_total{node_id="ND_a"} 0\n', 0, id="nobody"),
        pytest.param("", None, id="nothing"),
        pytest.param("livekit_participant_total NaN\n", None, id="not a number"),
        pytest.param("livekit_participant_total -2\n", None, id="less than nobody"),
        pytest.param("livekit_participant_total 1e+30\n", None, id="more than any server holds"),
        pytest.param(
            "livekit_participant_total 3\nlivekit_participant_total NaN\n", None, id="a part of it"
        ),
    ],
)
def test_participants_are_read_or_unknown(text: str, participants: int | None):
    """Servers are added by their connections; what cannot be read must not make rooms unknown."""
    counts = parse_counts(a_sample("3") + text, source="server")

    assert (counts.rooms, counts.participants) == (3, participants)


async def test_an_endless_answer_is_cut_off():
    """A server that has gone wrong must not fill the operator's memory."""
    peer = StandInServers()
    peer.answer_raw(SERVER.ip, "# x\n" * (BODY_BYTES_MAX // 4 + 1) + a_sample("0"))
    async with (
        listening(peer.application(), [SERVER.ip]) as port,
        PrometheusMediaServers(clock=FakeClock(), port=port) as servers,
    ):
        report = await servers.read(SERVER)

    assert report is None
