import gzip

import brotli
import pytest
import zstandard

from ergaomnes.codings import CODINGS, chosen, coded

BODY = b'{"a": "the same again and again"}' * 100


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"GZIP", b"gzip"),
        (b"gzip, deflate, br, zstd", b"zstd"),
        (b"gzip, deflate, br", b"br"),
        (b"deflate", b""),
        (b"gzip;q=0", b""),
        (b"gzip;q=0.000, br ; q=0.1", b"br"),
        (b"br;q=0.5, gzip;q=0.9", b"gzip"),
        (b"*", b"zstd"),
        (b"*;q=0.5, zstd;q=0", b"br"),
        (b"identity, gzip;q=0.5", b""),
        (b"identity;q=0, gzip;q=0.5", b"gzip"),
        (b"gzip;q=2, br;q=x, \xff", b""),
    ],
)
def test_the_coding_is_the_one_that_is_liked_most_and_costs_least(
    accepted: bytes, coding: bytes
) -> None:
    assert chosen(accepted) == coding


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_comes_back_from_its_coding_and_is_smaller_in_it(coding: bytes) -> None:
    plain = {
        b"gzip": gzip.decompress,
        b"br": brotli.decompress,
        b"zstd": zstandard.ZstdDecompressor().decompress,
    }
    written = coded(BODY, coding)
    assert plain[coding](written) == BODY
    assert len(written) < len(BODY) / 10
    assert coded(BODY, coding) == written
