"""What is promised of pages: that of the thing with the most links comes in under 60 ms."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.settings import Settings
from serving import served

pytestmark = pytest.mark.bench
LIMIT = 0.06


@pytest.fixture(scope="module")
def client(built: Built) -> Iterator[httpx.Client]:
    """Give a client of a service over the packaged graph."""
    with (
        served(create_app(Settings(dump=built.dump))) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as made,
    ):
        yield made


@pytest.mark.parametrize("form", ["html", "ttl", "jsonld"])
@pytest.mark.parametrize("path", ["/def/LegalEvent", "/scheme/confidence/high", "/state/rus"])
def test_a_page_that_was_never_asked_for_comes_at_once(
    benchmark: Any, client: httpx.Client, path: str, form: str
) -> None:
    number = itertools.count()  # each address is new to the cache

    def asked() -> httpx.Response:
        return client.get(path, params={"format": form, "again": next(number)})

    assert asked().status_code == 200
    assert benchmark.pedantic(asked, rounds=20, warmup_rounds=3).status_code == 200
    assert benchmark.stats.stats.min < LIMIT  # a busy machine makes the others longer
