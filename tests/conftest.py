"""What many tests share: a packaged graph that is built once, and a small one made of files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import browser as real
import engines
from ergaomnes.app import create_app
from ergaomnes.build import Built, open_read_only
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes, prefixes
from serving import served


@pytest.fixture(scope="session")
def table() -> Prefixes:
    """Give the packaged prefix table."""
    return prefixes()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Give settings whose stores are thrown away after the tests."""
    return engines.settings()


@pytest.fixture(scope="session")
def built() -> Built:
    """Give the packaged graph, built."""
    return engines.packaged()


@pytest.fixture(scope="session")
def graph(built: Built) -> EmbeddedEngine:
    """Give the packaged graph with what is derived, to be asked."""
    return open_read_only(built)


@pytest.fixture(scope="session")
def home(built: Built) -> Iterator[str]:
    """Serve the packaged graph; nothing is written to it."""
    with served(create_app(engines.settings())) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a real browser; its loop must not outlive the tests of one file."""
    with real.opened() as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Shipped:
    """Give a small set of shipped files: two facts, and one rule that derives a third."""
    root = tmp_path / "shipped"
    for folder in ("ontology", "data/states", "queries/rules"):
        (root / folder).mkdir(parents=True)
    (root / "ontology/prefixes.ttl").write_text(shipped().prefixes.read_text("utf-8"), "utf-8")
    (root / "data/states/rus.ttl").write_text(
        "@prefix erga: <https://w3id.org/ergaomnes/def/> .\n"
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
        "@prefix state: <https://w3id.org/ergaomnes/id/state/> .\n"
        'state:rus a erga:State ; skos:prefLabel "Russia"@en .\n',
        "utf-8",
    )
    (root / "queries/rules/persons.rq").write_text(
        "#+ title: States are persons\n"
        "#+ question: What is a legal person?\n"
        '#+ derives: ["erga:LegalPerson"]\n'
        "PREFIX erga: <https://w3id.org/ergaomnes/def/>\n"
        "CONSTRUCT { ?state a erga:LegalPerson } WHERE { ?state a erga:State }\n",
        "utf-8",
    )
    return Shipped(root)
