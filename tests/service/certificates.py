"""Certificates for tests, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dicom_tools import tool

from carpal.service.tls import Identity

__all__ = ["Authority"]


class Authority:
    """One that signs certificates; ``certificate`` is its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        _openssl("req", "-x509", *_NEW, "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, name: str, *, hosts: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Identity:
        """A certificate for ``hosts``; with negative ``days`` it has expired."""
        made = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"basicConstraints = CA:FALSE\nsubjectAltName = {hosts}\n")
        _openssl("req", *_NEW, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        signed = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-extfile", extensions)
        _openssl("x509", "-req", "-in", request, *signed, "-days", days, "-out", made.certificate)
        return made

    def lock(self, identity: Identity, password: str) -> Identity:
        """The same certificate with its key under a password."""
        locked = identity.key.with_suffix(".locked")
        _openssl("rsa", "-aes256", "-passout", f"pass:{password}", "-in", identity.key, "-out", locked)
        return Identity(identity.certificate, locked)


_NEW = ("-newkey", "rsa:2048", "-nodes")


def _openssl(*arguments: object) -> None:
    subprocess.run([tool("openssl"), *map(str, arguments)], check=True, capture_output=True, timeout=60)
