"""Who has signed a webhook, to the byte."""

import base64
import hashlib
import hmac
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shop.models.errors import ProviderDown, WebhookRefused
from shop.services.payments import signatures
from shop.services.payments.signatures import verify_paypal, verify_stripe

SECRET, BODY = "whsec_test_secret", b'{"id":"evt_1","object":"event"}'
VECTOR = "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"


def signed(body: bytes = BODY, *, secret: str = SECRET, at: float = 1_700_000_000) -> str:
    digest = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={int(at)},v1={digest}"


@pytest.mark.parametrize("header", [VECTOR, VECTOR + ",v0=abc", f"{VECTOR.replace('v1', 'v0')},{VECTOR}",
                                    VECTOR.replace("v1=", "v1=aaaa,v1=")])  # fmt: skip
@pytest.mark.parametrize("now", [1_700_000_000, 1_700_000_300, 1_699_999_700])
def test_what_stripe_signed_within_five_minutes_is_taken(header, now):
    verify_stripe(header, BODY, secret=SECRET, now=now)


@pytest.mark.parametrize(
    ("header", "body", "now"),
    [
        ("", BODY, 1_700_000_000),
        ("nonsense", BODY, 1_700_000_000),
        ("t=1700000000", BODY, 1_700_000_000),
        (VECTOR.replace("t=1700000000,", ""), BODY, 1_700_000_000),
        (VECTOR.replace("v1", "v0"), BODY, 1_700_000_000),
        (VECTOR.replace("0c86", "0c87"), BODY, 1_700_000_000),
        (VECTOR.replace("t=1700000000", "t=1700000001"), BODY, 1_700_000_000),
        (VECTOR.replace("t=1700000000", "t=-1"), BODY, 1_700_000_000),
        (VECTOR.replace("t=1700000000", "t=¹"), BODY, 1_700_000_000),
        (f"{VECTOR[:-1]}é", BODY, 1_700_000_000),
        (VECTOR, BODY + b" ", 1_700_000_000),
        (VECTOR, BODY.replace(b"1", b"2"), 1_700_000_000),
        (VECTOR, b'{"object":"event","id":"evt_1"}', 1_700_000_000),
        (signed(secret="whsec_other"), BODY, 1_700_000_000),
        (VECTOR, BODY, 1_700_000_301),
        (VECTOR, BODY, 1_700_000_000 + 3 * 86_400),
        (VECTOR, BODY, 1_699_999_699),
    ],
)
def test_all_else_is_refused(header, body, now):
    with pytest.raises(WebhookRefused):
        verify_stripe(header, body, secret=SECRET, now=now)


def test_the_message_that_paypal_signs_is_that_of_its_documentation():
    body = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'

    assert zlib.crc32(body) == 2325436976


class PayPal:
    """A key, its certificate, and what it signs; certificates are served where `fetched` says they were asked for."""

    def __init__(self, settings, monkeypatch, *, days: int = 1, kind: str = "rsa"):
        self.settings, self.fetched, self.status = settings, [], 200
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "messageverificationcerts.paypal.com")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=5))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("messageverificationcerts.paypal.com")]), False)
            .sign(self.key, hashes.SHA256())
        )
        monkeypatch.setattr(signatures, "_cache", {})
        monkeypatch.setattr(signatures, "_fetch", self._fetch)

    def _fetch(self, source: str):
        self.fetched.append(source)
        return [self.certificate]

    def headers(self, body: bytes, **changes) -> dict[str, str]:
        values = {
            "Transmission-Id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
            "Transmission-Time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Cert-Url": f"{self.settings.PAYPAL_API_BASE}/v1/notifications/certs/CERT-1",
            "Auth-Algo": "SHA256withRSA",
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        webhook = values.pop("Webhook-Id", self.settings.PAYPAL_WEBHOOK_ID)
        message = f"{values['Transmission-Id']}|{values['Transmission-Time']}|{webhook}|{zlib.crc32(body)}"
        signature = self.key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {f"Paypal-{name}": value for name, value in values.items()} | {
            "Paypal-Transmission-Sig": values.get("Transmission-Sig", base64.b64encode(signature).decode())
        }


@pytest.fixture
def paypal(app, monkeypatch):
    return PayPal(app.config["SETTINGS"], monkeypatch)


def test_what_paypal_signed_is_taken_and_the_certificate_asked_for_once(paypal):
    for body in (b"{}", b'{"a": 1}'):
        verify_paypal(paypal.headers(body), body, paypal.settings)

    assert paypal.fetched == [f"{paypal.settings.PAYPAL_API_BASE}/v1/notifications/certs/CERT-1"]


def ago(**span) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


@pytest.mark.parametrize(
    "changes",
    [
        {"Auth_Algo": "SHA1withRSA"},
        {"Auth_Algo": ""},
        {"Transmission_Id": ""},
        {"Transmission_Sig": "AAAA"},
        {"Transmission_Sig": "not base64!"},
        {"Transmission_Time": "yesterday"},
        {"Transmission_Time": "2026-11-24T10:00:00"},
        {"Webhook_Id": "another"},
    ],
)
def test_a_message_that_paypal_did_not_sign_so_is_refused(paypal, changes):
    with pytest.raises(WebhookRefused):
        verify_paypal(paypal.headers(b"{}", **changes), b"{}", paypal.settings)


def test_a_changed_body_is_refused(paypal):
    with pytest.raises(WebhookRefused):
        verify_paypal(paypal.headers(b'{"a": 1}'), b'{"a":1}', paypal.settings)


@pytest.mark.parametrize("span", [{"days": 3}, {"days": 300}, {"minutes": -6}])
def test_a_message_of_another_time_is_refused(paypal, span):
    with pytest.raises(WebhookRefused):
        verify_paypal(paypal.headers(b"{}", Transmission_Time=ago(**span)), b"{}", paypal.settings)


def test_a_message_of_yesterday_is_taken(paypal):
    verify_paypal(paypal.headers(b"{}", Transmission_Time=ago(days=1)), b"{}", paypal.settings)


FOREIGN = [
    "https://evil.example/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
    "https://evil.example/?https://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://apí.paypal.com/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../evil",
    "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
    "https://api.paypal.com/v1/notifications/certs/",
    "https://api.paypal.com/evil/v1/notifications/certs/CERT-1",
    "https://[::1/v1/notifications/certs/CERT-1",
    "file:///etc/passwd",
    "",
]


@pytest.mark.parametrize("url", [*FOREIGN, "https://api.paypal.com/v1/notifications/certs/CERT-1"])
def test_a_certificate_from_elsewhere_is_refused_and_nobody_there_is_asked(paypal, url):
    with pytest.raises(WebhookRefused):
        verify_paypal(paypal.headers(b"{}", Cert_Url=url), b"{}", paypal.settings)

    assert paypal.fetched == []


@pytest.mark.parametrize("url", [*FOREIGN, "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"])
def test_live_takes_certificates_of_live_hosts_only(paypal, monkeypatch, url):
    go_live(paypal, monkeypatch)

    with pytest.raises(WebhookRefused):
        verify_paypal(paypal.headers(b"{}", Cert_Url=url), b"{}", paypal.settings)

    assert paypal.fetched == []


def test_a_certificate_that_no_authority_signed_is_refused_though_it_came_from_paypal(paypal, monkeypatch):
    go_live(paypal, monkeypatch)
    url = "https://api.paypal.com/v1/notifications/certs/CERT-1"

    with pytest.raises(WebhookRefused, match="not from PayPal"):
        verify_paypal(paypal.headers(b"{}", Cert_Url=url), b"{}", paypal.settings)

    assert paypal.fetched == [url]


def test_a_certificate_that_has_expired_is_refused(app, monkeypatch):
    paypal = PayPal(app.config["SETTINGS"], monkeypatch, days=-1)

    with pytest.raises(WebhookRefused, match="expired"):
        verify_paypal(paypal.headers(b"{}"), b"{}", paypal.settings)


def test_a_certificate_that_cannot_be_fetched_is_asked_for_again_later(app, monkeypatch):
    settings = app.config["SETTINGS"]
    monkeypatch.setattr(signatures, "_cache", {})
    monkeypatch.setattr(settings, "PAYPAL_API_BASE", "http://127.0.0.1:9")
    headers = {f"Paypal-{name}": "AAAA" for name in ("Transmission-Id", "Transmission-Sig")} | {
        "Paypal-Transmission-Time": ago(seconds=1), "Paypal-Auth-Algo": "SHA256withRSA",
        "Paypal-Cert-Url": "http://127.0.0.1:9/v1/notifications/certs/CERT-1",
    }  # fmt: skip

    with pytest.raises(ProviderDown):
        verify_paypal(headers, b"{}", settings)


def test_the_simulator_may_be_called_as_people_call_it_and_is_asked_as_we_call_it(paypal, monkeypatch):
    monkeypatch.setattr(paypal.settings, "BASE_URL", "https://demo.example")
    url = "https://demo.example/simulator/v1/notifications/certs/CERT-1"

    verify_paypal(paypal.headers(b"{}", Cert_Url=url), b"{}", paypal.settings)

    assert paypal.fetched == [f"{paypal.settings.PAYPAL_API_BASE}/v1/notifications/certs/CERT-1"]


def go_live(paypal: PayPal, monkeypatch) -> None:
    monkeypatch.setattr(paypal.settings, "PAYPAL_API_BASE", "https://api-m.paypal.com")
    monkeypatch.setattr(paypal.settings, "ENABLE_REAL_PAYMENTS", True)


def test_signatures_are_checked_by_the_real_clock(app):
    secret = app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET

    signatures.verify("stripe", {"Stripe-Signature": signed(secret=secret, at=time.time())}, BODY)
    with pytest.raises(WebhookRefused):
        signatures.verify("stripe", {"Stripe-Signature": signed(secret=secret, at=time.time() - 360)}, BODY)


class Authority:
    """One that browsers trust, and the certificates that it signs."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority")])
        self.certificate = self._sign(self.name, self.key, is_authority=True)

    def signs(self, host: str) -> x509.Certificate:
        return self._sign(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]), ec.generate_private_key(ec.SECP256R1()),
            host=host,
        )  # fmt: skip

    def _sign(self, subject, key, *, host: str = "", is_authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage |= {"key_cert_sign": True, "crl_sign": True} if is_authority else {"digital_signature": True}
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            server = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(server, critical=False)
        return builder.sign(self.key, hashes.SHA256())


@pytest.mark.parametrize(
    ("host", "is_trusted", "good"),
    [
        ("messageverificationcerts.paypal.com", True, True),
        ("messageverificationcerts.paypal.com", False, False),
        ("messageverificationcerts.paypal.com.evil.example", True, False),
        ("evilpaypal.com", True, False),
    ],
)
def test_a_certificate_of_paypals_chains_to_an_authority_in_paypals_name(monkeypatch, host, is_trusted, good):
    authority = Authority()
    monkeypatch.setattr(signatures, "_authorities", lambda: [(authority if is_trusted else Authority()).certificate])

    def check():
        signatures._refuse_unchained([authority.signs(host)])

    if good:
        check()
    else:
        with pytest.raises(WebhookRefused):
            check()


def test_the_authorities_that_browsers_trust_can_be_read():
    assert len(signatures._authorities()) > 50
