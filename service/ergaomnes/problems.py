"""An error as RFC 9457 has it: a problem document that a program can read."""

import json

from ergaomnes.errors import ErgaOmnesError
from ergaomnes.terms import prefixes

MEDIA_TYPE = "application/problem+json"

Fields = list[tuple[bytes, bytes]]

_RESERVED = ("type", "title", "status", "detail", "instance", "remedy")


def document(error: ErgaOmnesError) -> dict[str, object]:
    """Give the members of the problem document."""
    said: dict[str, object] = {
        "type": f"{prefixes().base}problem/{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.remedy:
        said["remedy"] = error.remedy
    return said | {name: value for name, value in error.data.items() if name not in _RESERVED}


def printed(error: ErgaOmnesError) -> tuple[int, Fields, bytes]:
    """Give the status, the fields and the body of the answer."""
    body = json.dumps(document(error), ensure_ascii=False, separators=(",", ":"))
    # What is no character, such as half a surrogate pair, is written as an escape.
    content = body.encode("utf-8", "backslashreplace")
    fields = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    return error.status, fields, content
