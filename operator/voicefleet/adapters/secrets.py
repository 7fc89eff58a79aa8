"""Everything that derives from the install key: the one holder of secret values.

Contents come out of HKDF (RFC 5869) over the key, the fleet's UID and the purpose. Making a
Secret again therefore gives the same bytes, and the operator knows its own workers' token
without the right to read any Secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from voicefleet.errors import SpecError
from voicefleet.model.plan import SecretPurpose

KEY_BYTES_MIN = 32
"""As much as SHA-256 gives out; a shorter key would be the weakest part."""

HASH_BYTES = hashlib.sha256().digest_size

SALT = b"voicefleet.dev/v1"
"""Separates our derivations from any other use of the same key."""

TOKEN_BYTES = 32
"""256 bits: 52 letters and digits in base32, above LiveKit's own minimum of 32."""

API_KEY_BYTES = 10
"""LiveKit's key id is a name and no secret; 16 characters look like its own."""


def derive(key: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """Return key material by HKDF-SHA256 (RFC 5869): extract, then expand."""
    if length > 255 * HASH_BYTES:
        raise ValueError(f"HKDF gives at most {255 * HASH_BYTES} bytes, {length} were asked for")
    extracted = hmac.digest(salt or bytes(HASH_BYTES), key, "sha256")
    material, block = b"", b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        material += block
    return material[:length]


class InstallKeySecrets:
    """Implements `ports.Secrets`.

    Args:
        key: The install key; a shorter one than 32 bytes is refused.
        source: Where it came from, for the message.
    """

    def __init__(self, key: bytes, *, source: str = "the install key") -> None:
        if len(key) < KEY_BYTES_MIN:
            raise SpecError(
                f"{source} has {len(key)} bytes, at least {KEY_BYTES_MIN} are needed; "
                "make one with `openssl rand -out install-key 32` and put it into the "
                "operator's install-key Secret"
            )
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> "InstallKeySecrets":
        """Read the key that the chart mounts.

        Raises:
            SpecError: The file is missing or too short.
        """
        try:
            key = path.read_bytes()
        except OSError as error:
            raise SpecError(
                f"install key {path} cannot be read: {error.strerror}; "
                "mount the operator's install-key Secret there"
            ) from error
        return cls(key, source=f"install key {path}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def suffix(self, fleet_uid: str) -> str:
        """Return the 8 hex digits in the names of a fleet's Secrets."""
        return hmac.digest(self._key, f"suffix/{fleet_uid}".encode(), "sha256").hex()[:8]

    def worker_token(self, fleet_uid: str) -> str:
        """Return the token that the fleet's workers ask for."""
        return self._word(fleet_uid, SecretPurpose.WORKER_TOKEN, TOKEN_BYTES)

    def contents(self, fleet_uid: str, purpose: SecretPurpose) -> Mapping[str, str]:
        """Return the byte-identical contents of one generated Secret."""
        match purpose:
            case SecretPurpose.MEDIA_KEYS:
                key = "API" + self._word(fleet_uid, f"{purpose}/key", API_KEY_BYTES)
                secret = self._word(fleet_uid, f"{purpose}/secret", TOKEN_BYTES)
                return {
                    "LIVEKIT_KEYS": f"{key}: {secret}",
                    "LIVEKIT_API_KEY": key,
                    "LIVEKIT_API_SECRET": secret,
                }
            case SecretPurpose.WORKER_TOKEN:
                return {"token": self.worker_token(fleet_uid)}
            case SecretPurpose.REDIS:
                password = self._word(fleet_uid, purpose, TOKEN_BYTES)
                return {"password": password, "auth.conf": f"requirepass {password}\n"}

    def _derive(self, fleet_uid: str, purpose: str, length: int) -> bytes:
        info = f"{fleet_uid}/{purpose}".encode()
        return derive(self._key, salt=SALT, info=info, length=length)

    def _word(self, fleet_uid: str, purpose: str, length: int) -> str:
        """Return lower-case letters and digits: safe in YAML, in redis.conf and in a header."""
        text = base64.b32encode(self._derive(fleet_uid, purpose, length)).decode()
        return text.rstrip("=").lower()
