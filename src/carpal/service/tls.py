"""TLS: the contexts of servers and clients, and one sentence for whatever goes wrong with it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from carpal.errors import InvalidArgument

__all__ = ["HUNG_UP", "Identity", "by_profile", "client_context", "has_expired", "server_context", "trouble"]

HUNG_UP = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
_OF_CERTIFICATES = {
    9: "its certificate is not valid yet",
    _EXPIRED: "its certificate has expired",
    26: "its certificate is not for this use",
    62: "its certificate is of another host",
    64: "its certificate is of another address",
}
_NO_TLS = "it does not speak TLS"
_OURS = "it does not trust the certificate that it is shown"
_NO_COMMON = "it has no version or cipher of TLS that is allowed here"
_WANTS_OURS = "it wants to be shown a certificate, or another one"
# OpenSSL's names; those with ALERT were said by the other side.
_OF_REASONS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "HTTPS_PROXY_REQUEST": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _NO_COMMON,
    "VERSION_TOO_LOW": _NO_COMMON,
    "NO_SHARED_CIPHER": _NO_COMMON,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_COMMON,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_COMMON,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_OURS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": f"{_NO_COMMON}, or {_WANTS_OURS.removeprefix('it ')}",
    "TLSV1_ALERT_UNKNOWN_CA": _OURS,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OURS,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"{_OURS}: expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"{_OURS}: revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OURS,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OURS,
}


@dataclass(frozen=True)
class Identity:
    """A certificate, followed by those between it and its authority, and its key: PEM files."""

    certificate: Path
    key: Path


def server_context(identity: Identity, authority: Path | None = None) -> ssl.SSLContext:
    """With ``authority``, a PEM file, clients must show a certificate that it has signed. Raises InvalidArgument."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _show(context, identity)
    if authority is not None:
        _trust(context, authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authority: Path | None = None, identity: Identity | None = None) -> ssl.SSLContext:
    """Servers must show a certificate of their host's name that ``authority`` has signed, a PEM file (None: one of
    those that this machine trusts); ``identity`` is shown to those who ask. Raises InvalidArgument."""
    if authority is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificate and name by itself
        _trust(context, authority)
    if identity is not None:
        _show(context, identity)
    return context


def by_profile(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, held to DICOM's BCP 195 profile (PS3.15 B.12): TLS 1.2 or 1.3, authenticated encryption with
    forward secrecy, no renegotiation."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of 1.2; all of 1.3 are such
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def has_expired(identity: Identity) -> bool:
    """Whether nobody will accept this certificate any more. Raises InvalidArgument."""
    # Asked by a handshake with itself: Python has no public way to look into a certificate that signs no others.
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(asking, identity.certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(back, there)
    server = server_context(identity).wrap_bio(there, back, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_code == _EXPIRED
    return False


def trouble(error: Exception) -> str:
    """Why a connection failed, for a person; ``it`` is the other side. Holds nothing that was sent."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, HUNG_UP):
        return "it hung up"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _OF_CERTIFICATES.get(error.verify_code, "its certificate is not trusted")
    if isinstance(error, ssl.SSLError):
        reason = error.reason or type(error).__name__
        return _OF_REASONS.get(reason, f"TLS failed: {reason.lower().replace('_', ' ')}")
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def _show(context: ssl.SSLContext, identity: Identity) -> None:
    certificate, key = identity.certificate, identity.key
    _check_readable(certificate, key)
    locked = False

    def password() -> str:  # OpenSSL would ask at the terminal for it, and wait
        nonlocal locked
        locked = True
        return ""

    try:
        context.load_cert_chain(certificate, key, password)
    except OSError as error:  # as ssl's own errors are, which name no file
        if locked:
            raise InvalidArgument(f"{key}: this key has a password; give one without, for its owner alone") from None
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            raise InvalidArgument(f"{key} is the key of another certificate than {certificate}") from None
        raise InvalidArgument(f"{certificate} and {key} are no certificate and its key, both as PEM") from None


def _trust(context: ssl.SSLContext, authority: Path) -> None:
    _check_readable(authority)
    try:
        context.load_verify_locations(authority)
    except OSError:
        raise InvalidArgument(f"{authority}: there is no certificate in this file, as PEM") from None


def _check_readable(*paths: Path) -> None:
    for path in paths:
        try:
            path.open("rb").close()
        except OSError as error:
            raise InvalidArgument(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
