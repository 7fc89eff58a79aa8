"""What the install key gives: the same for the same fleet, different for everything else."""

import re

import pytest

from support.fakes import FakeSecrets
from voicefleet.adapters.secrets import InstallKeySecrets
from voicefleet.model.plan import SecretPurpose
from voicefleet.ports import Secrets

FLEET, OTHER_FLEET = "8c0d5c4e-0001", "8c0d5c4e-0002"
KEY = bytes(range(32))


@pytest.fixture(params=["fake", "install key"])
def secrets(request: pytest.FixtureRequest) -> Secrets:
    """The fake and the real derivation."""
    return FakeSecrets() if request.param == "fake" else InstallKeySecrets(KEY)


def test_the_suffix_is_eight_hex_digits_of_the_fleet(secrets: Secrets):
    """It stands in object names, so it must be short, valid, and the same every time."""
    suffix = secrets.suffix(FLEET)

    assert re.fullmatch(r"[0-9a-f]{8}", suffix)
    assert suffix == secrets.suffix(FLEET) != secrets.suffix(OTHER_FLEET)


@pytest.mark.parametrize("purpose", list(SecretPurpose))
def test_contents_are_the_same_every_time_and_for_no_other_fleet(
    secrets: Secrets, purpose: SecretPurpose
):
    """A Secret that is made again must equal the one that running pods have read."""
    contents = secrets.contents(FLEET, purpose)

    assert contents == secrets.contents(FLEET, purpose)
    assert not set(contents.values()) & set(secrets.contents(OTHER_FLEET, purpose).values())


def test_purposes_share_no_value(secrets: Secrets):
    """Whoever learns the Redis password must not have learnt the workers' token."""
    values = [
        value
        for purpose in SecretPurpose
        for value in set(secrets.contents(FLEET, purpose).values())
    ]

    assert len(values) == len(set(values))


def test_media_keys_agree_with_each_other(secrets: Secrets):
    """Servers read the pair from one field, workers from two."""
    contents = secrets.contents(FLEET, SecretPurpose.MEDIA_KEYS)

    pair = f"{contents['LIVEKIT_API_KEY']}: {contents['LIVEKIT_API_SECRET']}"
    assert (contents["LIVEKIT_KEYS"], len(contents)) == (pair, 3)


def test_the_operator_knows_the_token_that_workers_read(secrets: Secrets):
    """It may not read Secrets, so it must be able to say what stands in this one."""
    contents = secrets.contents(FLEET, SecretPurpose.WORKER_TOKEN)

    assert contents == {"token": secrets.worker_token(FLEET)}


def test_redis_gets_its_password_twice(secrets: Secrets):
    """Once as its own configuration line, once for those who connect."""
    contents = secrets.contents(FLEET, SecretPurpose.REDIS)

    line = f"requirepass {contents['password']}\n"
    assert dict(contents) == {"password": contents["password"], "auth.conf": line}
