"""Content codings: which one a client takes, and bodies in it."""

import functools
import re
import zlib

import brotli
import zstandard

CODINGS = (b"zstd", b"br", b"gzip")
"""The codings there are, the one that costs least first."""

_ONE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*q=([01](?:\.\d{0,3})?))?")
_GZIP = 31  # zlib's way to say: with the header and the sum of gzip
_LEVELS = {b"zstd": 3, b"br": 4, b"gzip": 5}


@functools.lru_cache(maxsize=1024)
def chosen(accepted: bytes) -> bytes:
    """Give the coding in which to answer an `Accept-Encoding`; empty for as it is.

    See https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3. Of those liked alike it is the one
    that costs least; what cannot be read is no wish.
    """
    liked: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        if found := _ONE.fullmatch(part.strip()):
            liked[found[1]] = float(found[2] or b"1")
    others = liked.get(b"*", 0.0)
    best = max(CODINGS, key=lambda coding: liked.get(coding, others))
    quality = liked.get(best, others)
    return best if quality > 0 and quality >= liked.get(b"identity", 0.0) else b""


def coded(body: bytes, coding: bytes) -> bytes:
    """Write a body in a coding; the same body always gives the same bytes."""
    level = _LEVELS[coding]
    if coding == b"zstd":
        return zstandard.ZstdCompressor(level=level).compress(body)
    if coding == b"br":
        return bytes(brotli.compress(body, quality=level))
    deflater = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return deflater.compress(body) + deflater.flush()
