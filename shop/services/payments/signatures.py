"""Whether a webhook is what it says: each provider's rules, to the byte."""

import base64
import binascii
import hashlib
import hmac
import re
import threading
import time
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from shop.config import Settings
from shop.models.errors import ProviderDown, WebhookRefused
from shop.models.payment import Provider
from shop.models.refused_webhook import Refusal
from shop.services.payments.keys import in_use

# Stripe signs each delivery anew, so an old one was caught on its way.
STRIPE_TOLERANCE = 300
# PayPal tries for so long, and clocks differ by a little.
PAYPAL_TOLERANCE = timedelta(days=3) - timedelta(minutes=5)
PAYPAL_AHEAD = timedelta(minutes=5)
CERTIFICATE_LIFE = 24 * 3600.0
LARGEST_CERTIFICATE = 64 * 1024
_MOST_CERTIFICATES = 8
_CERTIFICATES = "/v1/notifications/certs/"
_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LIVE = frozenset({"api.paypal.com", "api-m.paypal.com"})
_SANDBOX = frozenset({"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"})

_PEM_END = b"-----END CERTIFICATE-----"

_cache: dict[str, tuple[float, list[x509.Certificate]]] = {}
_cache_lock = threading.Lock()


def verify(provider: Provider | str, headers: Mapping[str, str], body: bytes) -> None:
    """Raises WebhookRefused for what the provider did not sign with our secret, or not now.

    Raises ProviderDown if the certificate cannot be fetched: the provider will send it again.
    """
    settings = in_use()
    if provider not in settings.online_providers:
        raise WebhookRefused("This provider is not set up.", reason=Refusal.NOT_SET_UP)
    if provider == Provider.STRIPE:
        verify_stripe(headers.get("Stripe-Signature", ""), body, secret=settings.STRIPE_WEBHOOK_SECRET)
    else:
        verify_paypal(headers, body, settings)


def verify_stripe(header: str, body: bytes, *, secret: str, now: float | None = None) -> None:
    """HMAC-SHA256 of `t.body` under the whole secret; any `v1` may match while a secret is being changed."""
    stamp, signatures = "", []
    for part in header.split(","):
        scheme, _, value = part.strip().partition("=")
        if scheme == "t":
            stamp = value
        elif scheme == "v1":
            signatures.append(value)
    if not re.fullmatch(r"[0-9]{1,12}", stamp) or not signatures:
        raise WebhookRefused("The signature is missing.", reason=Refusal.UNSIGNED)
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(expected.encode(), each.encode("utf-8", "replace")) for each in signatures):
        raise WebhookRefused("The signature is wrong.", reason=Refusal.FORGED)
    if abs((time.time() if now is None else now) - int(stamp)) > STRIPE_TOLERANCE:
        raise WebhookRefused("The signature is too old, or from the future.", reason=Refusal.STALE)


def verify_paypal(headers: Mapping[str, str], body: bytes, settings: Settings) -> None:
    """SHA256withRSA of `id|time|webhook id|crc32 of the body` under a certificate of PayPal's own."""
    names = ("Transmission-Id", "Transmission-Time", "Transmission-Sig", "Cert-Url", "Auth-Algo")
    given = {name: headers.get(f"Paypal-{name}", "") for name in names}
    if not all(given.values()):
        raise WebhookRefused("The signature is missing.", reason=Refusal.UNSIGNED)
    if given["Auth-Algo"] != "SHA256withRSA":
        raise WebhookRefused("The signature is of a kind that is not taken.", reason=Refusal.UNSIGNED)
    _refuse_wrong_time(given["Transmission-Time"])
    source = _certificate_source(given["Cert-Url"], settings)
    signed = "|".join(
        (given["Transmission-Id"], given["Transmission-Time"], settings.PAYPAL_WEBHOOK_ID, str(zlib.crc32(body)))
    )
    try:
        signature = base64.b64decode(given["Transmission-Sig"], validate=True)
    except (binascii.Error, ValueError):
        raise WebhookRefused("The signature is wrong.", reason=Refusal.FORGED) from None
    key = _certificates(source)[0].public_key()
    try:
        if not isinstance(key, rsa.RSAPublicKey):
            raise WebhookRefused("The certificate is of a kind that is not taken.", reason=Refusal.CERTIFICATE)
        key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise WebhookRefused("The signature is wrong.", reason=Refusal.FORGED) from None


def _refuse_wrong_time(text: str) -> None:
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(text)
    except (ValueError, TypeError, OverflowError):
        raise WebhookRefused("The time of the signature cannot be read.", reason=Refusal.UNSIGNED) from None
    if not -PAYPAL_AHEAD <= age <= PAYPAL_TOLERANCE:
        raise WebhookRefused("The signature is too old, or from the future.", reason=Refusal.STALE)


def _certificate_source(url: str, settings: Settings) -> str:
    """Where the certificate is fetched: the header is an attacker's to write, so only known places are asked."""
    try:
        parts = urlsplit(url)
        name = parts.path.rpartition(_CERTIFICATES)[2]
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        place = parts.path.removesuffix(_CERTIFICATES + name), parts.port
    except ValueError:
        raise WebhookRefused("The certificate is not from PayPal.", reason=Refusal.CERTIFICATE) from None
    base = urlsplit(settings.PAYPAL_API_BASE)
    hosts = (_LIVE if settings.ENABLE_REAL_PAYMENTS else _SANDBOX) if _is_paypal(base.hostname) else frozenset()
    if not is_plain or not _CERTIFICATE_NAME.fullmatch(name):
        raise WebhookRefused("The certificate is not from PayPal.", reason=Refusal.CERTIFICATE)
    if parts.scheme == "https" and parts.hostname in hosts and place in (("", None), ("", 443)):
        return f"https://{parts.hostname}{_CERTIFICATES}{name}"
    if not hosts and _is_stand_in(parts, place[0], settings):
        return f"{settings.PAYPAL_API_BASE}{_CERTIFICATES}{name}"
    raise WebhookRefused("The certificate is not from PayPal.", reason=Refusal.CERTIFICATE)


def _is_paypal(host: str | None) -> bool:
    return host in _LIVE or host in _SANDBOX


def _is_stand_in(parts, path: str, settings: Settings) -> bool:
    """The simulator under one of the names by which people and processes reach it; fetched by ours in any case."""
    bases = [urlsplit(settings.PAYPAL_API_BASE)]
    if "paypal" in settings.simulated:
        bases += [urlsplit(f"{each}/simulator") for each in (settings.BASE_URL, f"http://localhost:{settings.PORT}")]
    return any(
        (parts.scheme, parts.netloc, path) == (base.scheme, base.netloc, base.path.rstrip("/")) for base in bases
    )


def _certificates(source: str) -> list[x509.Certificate]:
    """The leaf and what was served with it. Asked for once a day."""
    with _cache_lock:
        ends, found = _cache.get(source, (0.0, []))
    if found and time.monotonic() < ends:
        _refuse_invalid(found[0])
        return found
    found = _fetch(source)
    if _is_paypal(urlsplit(source).hostname):
        _refuse_unchained(found)
    _refuse_invalid(found[0])
    with _cache_lock:
        if len(_cache) >= _MOST_CERTIFICATES:
            _cache.clear()
        _cache[source] = time.monotonic() + CERTIFICATE_LIFE, found
    return found


def _fetch(source: str) -> list[x509.Certificate]:
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(source, timeout=(3.05, 5.0), allow_redirects=False, stream=True)
            body = answer.raw.read(LARGEST_CERTIFICATE, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise ProviderDown("PayPal's certificate cannot be fetched.") from error
    if answer.status_code >= 500:
        raise ProviderDown("PayPal's certificate cannot be fetched.")
    try:
        if answer.status_code != 200:
            raise ValueError(answer.status_code)
        return x509.load_pem_x509_certificates(body)
    except ValueError:
        raise WebhookRefused("The certificate is not from PayPal.", reason=Refusal.CERTIFICATE) from None


def _refuse_invalid(leaf: x509.Certificate) -> None:
    if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        raise WebhookRefused("The certificate has expired.", reason=Refusal.CERTIFICATE)


def _refuse_unchained(chain: list[x509.Certificate]) -> None:
    """To an authority that browsers trust, and in PayPal's own name."""
    leaf, *between = chain
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        own = [name for name in names.get_values_for_type(x509.DNSName) if name.endswith(".paypal.com")]
        PolicyBuilder().store(Store(_authorities())).build_server_verifier(x509.DNSName(own[0])).verify(leaf, between)
    except (x509.ExtensionNotFound, IndexError, VerificationError, ValueError):
        raise WebhookRefused("The certificate is not from PayPal.", reason=Refusal.CERTIFICATE) from None


@lru_cache(maxsize=1)
def _authorities() -> list[x509.Certificate]:
    """Those that browsers trust, without the odd ones that this library no longer reads."""
    found = []
    blocks = Path(certifi.where()).read_bytes().split(_PEM_END)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        for block in blocks[:-1]:
            with suppress(ValueError, CryptographyDeprecationWarning):
                found.append(x509.load_pem_x509_certificate(block + _PEM_END))
    return found
