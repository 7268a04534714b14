"""Who may send to the DICOM node: application entities by title and, where it is given, by host."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from carpal.errors import InvalidArgument

__all__ = ["Peer", "check_ae_title", "is_admitted", "parse_peers", "plain_address"]


@dataclass(frozen=True)
class Peer:
    """``addresses`` are those its host had when the service was started; None: it may come from anywhere."""

    ae_title: str
    addresses: frozenset[str] | None = None


def check_ae_title(title: str) -> str:
    """Raises InvalidArgument for what DICOM does not allow as one (PS3.5, VR AE)."""
    fits = 1 <= len(title) <= 16 and title == title.strip()
    if not fits or "\\" in title or not title.isascii() or not title.isprintable():
        raise InvalidArgument(f"{title!r} is no AE title: 1 to 16 ASCII characters without a backslash")
    return title


def parse_peers(text: str) -> tuple[Peer, ...]:
    """``AET[@HOST]``, several with commas between. Raises InvalidArgument, for a host that is not known too."""
    return tuple(_peer(part.strip()) for part in text.split(",") if part.strip())


def is_admitted(ae_title: str, address: str, peers: tuple[Peer, ...]) -> bool:
    """Whether whoever calls itself so and comes from there is one of ``peers``; everybody is where there are none."""
    if not peers:
        return True
    return any(
        peer.ae_title == ae_title and (peer.addresses is None or plain_address(address) in peer.addresses)
        for peer in peers
    )


def plain_address(address: str) -> str:
    """An IPv4 address as such where a socket of both families shows it as IPv6."""
    return address.removeprefix("::ffff:")


def _peer(text: str) -> Peer:
    title, at, host = text.partition("@")
    check_ae_title(title)
    if not at:
        return Peer(title)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidArgument(f"--dicom-peers {text}: no such host is known") from None
    return Peer(title, frozenset(plain_address(str(entry[4][0])) for entry in found))
