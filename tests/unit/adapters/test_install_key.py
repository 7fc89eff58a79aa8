"""The derivation behind every generated Secret, against the published vectors of RFC 5869."""

from pathlib import Path

import pytest

from voicefleet.adapters.secrets import InstallKeySecrets, derive
from voicefleet.errors import SpecError
from voicefleet.model.plan import SecretPurpose


@pytest.mark.parametrize(
    ("key", "salt", "info", "material"),
    [
        pytest.param(
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="A.1 basic",
        ),
        pytest.param(
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="A.2 longer",
        ),
        pytest.param(
            "0b" * 22,
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="A.3 no salt, no info",
        ),
    ],
)
def test_key_derivation_is_hkdf(key: str, salt: str, info: str, material: str):
    """Home-made cryptography is only right if it is somebody else's."""
    derived = derive(
        bytes.fromhex(key),
        salt=bytes.fromhex(salt),
        info=bytes.fromhex(info),
        length=len(material) // 2,
    )

    assert derived.hex() == material


def test_more_than_hkdf_can_give_is_refused():
    """RFC 5869: at most 255 blocks."""
    with pytest.raises(ValueError, match="at most 8160 bytes, 8161 were asked for"):
        derive(bytes(32), salt=b"", info=b"", length=8161)


def test_a_derived_value_never_changes():
    """A new release that derives differently would lock every running fleet out."""
    secrets = InstallKeySecrets(bytes(range(32)))

    token = secrets.worker_token("8c0d5c4e-9b1f-4d5a-8f6e-000000000001")

    assert token == "nakhx67lej3x33erhfbubl7qpivwtajvadqxuch7zi7grwxkwuqa"


def test_derived_words_are_safe_wherever_they_are_written():
    """YAML, redis.conf, an HTTP header and an environment variable, all without quoting."""
    secrets = InstallKeySecrets(bytes(range(32)))

    words = [
        secrets.worker_token("uid"),
        secrets.contents("uid", SecretPurpose.REDIS)["password"],
        secrets.contents("uid", SecretPurpose.MEDIA_KEYS)["LIVEKIT_API_KEY"],
        secrets.contents("uid", SecretPurpose.MEDIA_KEYS)["LIVEKIT_API_SECRET"],
    ]

    assert [word.isascii() and word.isalnum() for word in words] == [True] * 4


def test_livekit_accepts_the_length_of_its_secret():
    """livekit-server warns below 32 characters."""
    contents = InstallKeySecrets(bytes(32)).contents("uid", SecretPurpose.MEDIA_KEYS)

    assert len(contents["LIVEKIT_API_SECRET"]) >= 32


def test_another_install_gives_other_values():
    """The same fleet UID in a restored cluster with a new key must not share secrets."""
    one, other = InstallKeySecrets(bytes(32)), InstallKeySecrets(bytes(31) + b"\1")

    assert one.worker_token("uid") != other.worker_token("uid")
    assert one.suffix("uid") != other.suffix("uid")


def test_a_short_key_is_refused_with_the_next_step(tmp_path: Path):
    """An empty Secret mounts as an empty file; the operator must not start with it."""
    path = tmp_path / "install-key"
    path.write_bytes(b"short")

    with pytest.raises(SpecError) as caught:
        InstallKeySecrets.from_file(path)

    assert str(caught.value) == (
        f"install key {path} has 5 bytes, at least 32 are needed; make one with "
        "`openssl rand -out install-key 32` and put it into the operator's install-key Secret"
    )


def test_a_missing_key_is_refused_with_the_next_step(tmp_path: Path):
    """Whoever forgot the mount reads where it should be."""
    with pytest.raises(SpecError, match="cannot be read: No such file or directory; mount"):
        InstallKeySecrets.from_file(tmp_path / "install-key")


def test_the_key_does_not_show_in_a_traceback():
    """A repr reaches logs by accident."""
    assert repr(InstallKeySecrets(b"k" * 32)) == "InstallKeySecrets(…)"
