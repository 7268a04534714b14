"""How schemathesis writes bodies that it does not know of: as the bytes that it has made up."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/dicom", "multipart/related")
def as_it_is(_: Any, value: Any) -> bytes:
    data = getattr(value, "data", value)
    return data if isinstance(data, bytes) else str(data).encode()
