"""Everything carpal refuses, in one place.

CarpalError
├── InvalidArgument          an argument that cannot be meant: a sex that is none, an age of -3
│   └── MissingSex           neither the caller nor the header says whether the child is a girl or a boy
├── UnreadableRadiograph     the file is no radiograph that can be read: truncated, not an image, wrong DICOM object
│   └── ImageTooLarge        more pixels than any radiograph has: refused before anything is decoded
├── RefusedRadiograph        it can be read, but does not show one whole hand (``carpal.quality``)
├── DatasetError             a folder or table that is no data set
├── ModelError               a network file that is missing, damaged, or no carpal model
├── TrainingError            training cannot start or go on
│   └── WeightsUnavailable   initial weights that cannot be had here
├── MissingDependency        an optional part of carpal is not installed
└── ServiceRefusal           a request that ``carpal serve`` does not grant
    ├── Unauthenticated      no token and no session, or none that is known
    ├── Forbidden            a role that does not allow it, a foreign web page, no proof that it is ours
    ├── NotFound             there is no such reading
    ├── Gone                 the reading is there, what it was made from is not
    ├── KeyReused            an idempotency key that belongs to another request
    ├── RequestTooLarge      a body of more bytes than are taken
    ├── RequestTooSlow       a body that does not arrive
    ├── NotWanted            a DICOM object that is no hand radiograph by the service's rule
    └── ComeBackLater        not now, and when
        ├── TooManyRequests  more than one client may ask for
        └── Busy             more than the service can do now

Each message is one sentence for a person: what was wrong with which file, and what to do. What an error means to a
shell (``exit_code``), to a web client (``http_status``) and to a DICOM peer (``dicom_status``, PS3.4 B.2.3) is said
here and nowhere else.
"""

from __future__ import annotations

__all__ = [
    "Busy",
    "CarpalError",
    "ComeBackLater",
    "DatasetError",
    "Forbidden",
    "Gone",
    "ImageTooLarge",
    "InvalidArgument",
    "KeyReused",
    "MissingDependency",
    "MissingSex",
    "ModelError",
    "NotFound",
    "NotWanted",
    "RefusedRadiograph",
    "RequestTooLarge",
    "RequestTooSlow",
    "ServiceRefusal",
    "TooManyRequests",
    "TrainingError",
    "Unauthenticated",
    "UnreadableRadiograph",
    "WeightsUnavailable",
    "sentence_of",
]


class CarpalError(Exception):
    """Anything carpal refuses to do, said in one sentence; the command line exits with ``exit_code``, the service
    answers with ``http_status``, or with ``dicom_status`` to a C-STORE and within a STOW-RS answer."""

    exit_code = 2
    http_status = 500
    dicom_status = 0x0110  # processing failure


class InvalidArgument(CarpalError, ValueError):
    """An argument that cannot be meant."""

    http_status = 422
    dicom_status = 0xA900  # the data set is not what the request says


class MissingSex(InvalidArgument):
    """The child's sex is neither given nor in the header; carpal never guesses it."""


class UnreadableRadiograph(CarpalError):
    """The file cannot be read as one radiograph."""

    http_status = 422
    dicom_status = 0xC000  # cannot understand


class ImageTooLarge(UnreadableRadiograph):
    """More pixels than any radiograph has; nothing was decoded."""

    http_status = 413


class RefusedRadiograph(CarpalError):
    """The quality gate refuses it; ``reason`` is the short slug of ``carpal.quality.Refusal``."""

    http_status = 422

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class DatasetError(CarpalError):
    """A folder or table that is no data set carpal knows."""


class ModelError(CarpalError):
    """A network file that is missing, damaged, or no carpal model."""


class TrainingError(CarpalError):
    """Training cannot start or go on."""


class WeightsUnavailable(TrainingError):
    """Initial weights that cannot be had on this machine."""


class MissingDependency(CarpalError):
    """An optional part of carpal is not installed."""

    http_status = 501


class ServiceRefusal(CarpalError):
    """A request that the service does not grant."""

    http_status = 400


class Unauthenticated(ServiceRefusal):
    """No token and no session, or none that is known."""

    http_status = 401


class Forbidden(ServiceRefusal):
    """The caller is known, and may not."""

    http_status = 403
    dicom_status = 0x0124  # not authorized


class NotFound(ServiceRefusal):
    """There is no such thing."""

    http_status = 404


class Gone(ServiceRefusal):
    """What the reading was made from is no longer there."""

    http_status = 410


class KeyReused(ServiceRefusal):
    """An idempotency key that belongs to another request of the same caller."""

    http_status = 422


class RequestTooLarge(ServiceRefusal):
    """A body of more bytes than are taken."""

    http_status = 413
    dicom_status = 0xA700  # out of resources


class RequestTooSlow(ServiceRefusal):
    """A body that does not arrive in time."""

    http_status = 408


class NotWanted(ServiceRefusal):
    """A DICOM object that is no hand radiograph by the service's rule."""

    http_status = 422
    dicom_status = 0xC001  # cannot understand, of carpal's own choice


class ComeBackLater(ServiceRefusal):
    """Not now; ``retry_after_s`` says when to come back."""

    dicom_status = 0xA700  # out of resources

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyRequests(ComeBackLater):
    """More than one client may ask for."""

    http_status = 429


class Busy(ComeBackLater):
    """More than the service can do now."""

    http_status = 503


def sentence_of(error: Exception, place: object, sex_from: str = "--sex F") -> str:
    """What went wrong with ``place``, on one line, for whoever asked at a shell; ``sex_from`` is where a sex that is
    missing would be given."""
    text = str(error) if isinstance(error, CarpalError) else f"{place}: {getattr(error, 'strerror', None) or error}"
    hint = f" ({sex_from})" if isinstance(error, MissingSex) else ""
    return " ".join(text.split()) + hint
