"""How each company signs what it sends. PayPal's certificate is our own and stands beside the simulator's file."""

import base64
import hashlib
import hmac
import os
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ALGORITHM = "SHA256withRSA"
_YEARS = 20


def stripe_signature(secret: str, body: bytes, at: int) -> str:
    signed = f"{at}.".encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def paypal_message(transmission_id: str, transmission_time: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{transmission_time}|{webhook_id}|{zlib.crc32(body)}".encode()


class Signer:
    """Makes its key on first use; two processes that start at once end up with the same one."""

    def __init__(self, path: Path):
        self._path = path.with_name(f"{path.stem}-paypal.pem")
        self._loaded: tuple[rsa.RSAPrivateKey, bytes] | None = None

    @property
    def certificate(self) -> bytes:
        return self._load()[1]

    @property
    def certificate_name(self) -> str:
        return f"CERT-{hashlib.sha256(self.certificate).hexdigest()[:16]}"

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self._load()[0].sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()

    def is_signed(self, message: bytes, signature: str) -> bool:
        try:
            key = self._load()[0].public_key()
            key.verify(base64.b64decode(signature), message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def _load(self) -> tuple[rsa.RSAPrivateKey, bytes]:
        if self._loaded is None:
            if not self._path.exists():
                _write_once(self._path, _make())
            pem = self._path.read_bytes()
            key = serialization.load_pem_private_key(pem, password=None)
            self._loaded = key, pem[pem.index(b"-----BEGIN CERTIFICATE") :]
        return self._loaded


def _write_once(path: Path, content: bytes) -> None:
    """Whoever is first wins; nobody ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _make() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "messageverificationcerts.simulator.paypal.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
