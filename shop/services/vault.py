"""Encryption at rest for small secrets, under a key derived from SECRET_KEY."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app


def encrypt(text: str) -> bytes:
    return _fernet(current_app.config["SECRET_KEY"]).encrypt(text.encode())


def decrypt(token: bytes) -> str:
    """Raises cryptography.fernet.InvalidToken when the key is another one or the bytes were changed."""
    return _fernet(current_app.config["SECRET_KEY"]).decrypt(token).decode()


@lru_cache(maxsize=4)
def _fernet(secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"revivatech vault v1").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
