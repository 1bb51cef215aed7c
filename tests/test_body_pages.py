"""Bodies and rights: whom they reach and bind on a day, and what that rests on."""

import csv
import datetime
import functools
import io
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
import engines
import world_tables as tables
from ergaomnes import drawing
from ergaomnes.app import create_app
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Iri, Table, Term
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes
from serving import served

TODAY = datetime.date(2026, 11, 23)
BEFORE, AFTER = "2026-09-30", "2026-10-01"
"""The last day before Russia is to have left the ECPT, and the first day after."""
PREFIXES = prefixes()
QUESTIONS = Catalogue(shipped().queries, PREFIXES)
ALL = ("bodies-all", "body-", "right-", "rights-all")
get = functools.partial(httpx.get, timeout=60, headers={"Accept": "text/html"})


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with real.opened() as made:
        yield made


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """Serve the packaged graph."""
    with served(create_app(engines.settings())) as url:
        yield url


def ask(graph: EmbeddedEngine, name: str, **given: str) -> Table:
    return graph.select(bound(QUESTIONS[name], given, PREFIXES, TODAY).text)


def written(term: Term | None) -> str:
    if term is None:
        return ""
    return PREFIXES.short(term.value) if isinstance(term, Iri) else term.value


def column(found: Table, name: str) -> list[str]:
    return [written(one) for one in found.column(name)]


def of(found: Table, key: str, *names: str) -> dict[str, tuple[str, ...]]:
    return {written(row[key]): tuple(written(row[name]) for name in names) for row in found}


def states(found: Table, answer: str, word: str) -> set[str]:
    return {written(row["state"]) for row in found if written(row[answer]) == word}
