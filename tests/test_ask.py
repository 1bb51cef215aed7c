import csv
import io
import json
from collections.abc import Iterator

import httpx
import pyoxigraph as ox
import pytest

from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.cli import main
from ergaomnes.settings import Settings
from ergaomnes.shipped import shipped
from ergaomnes.terms import prefixes
from serving import served

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the graph that was built for the tests, on a terminal of a known width."""
    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(built.place.parent.parent))
    monkeypatch.setenv("COLUMNS", "120")


def run(*typed: str) -> int:
    """Run a command and give its exit status."""
    with pytest.raises(SystemExit) as caught:
        main(typed)
    return int(caught.value.code or 0)


def test_a_question_gets_a_sourced_table(capsys: Captured) -> None:
    assert run("ask", "who-could-inspect-on-a-day", "--state", "rus", "--day", "2025-10-01") == 0
    shown = capsys.readouterr().out
    assert "European Committee for the Prevention of Torture" in shown
    assert "Asked with state rus, day 2025-10-01." in shown
    assert "source" in shown
    assert "rows." in shown
    assert max(len(line) for line in shown.splitlines()) <= 120


@pytest.mark.parametrize("name", [one.name for one in Catalogue(shipped().queries, prefixes())])
def test_every_question_is_answered_with_its_defaults(name: str, capsys: Captured) -> None:
    assert run("ask", name) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_number_will_do_and_options_may_come_first(capsys: Captured) -> None:
    assert run("ask", "cq-3", "--day=2025-10-01") == 0
    first = capsys.readouterr().out
    assert run("ask", "--day", "2025-10-01", "CQ-03", "--state", "RUS") == 0
    assert capsys.readouterr().out == first


def test_the_answer_is_on_one_stream_and_the_notes_on_the_other(capsys: Captured) -> None:
    assert run("ask", "cq-3", "--day", "2025-10-01", "--format", "csv") == 0
    shown = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert prefixes().iri("power:cpt-visits") in {row["power"] for row in rows}
    assert "Asked with state rus, day 2025-10-01." in shown.err
    assert "last known" in shown.err


def test_each_format_is_printed(capsys: Captured) -> None:
    printed = {}
    for name in ("json", "xml", "tsv", "ttl", "md"):
        assert run("ask", "cq-3", "-f", name, "--day", "2025-10-01") == 0
        printed[name] = capsys.readouterr().out
    assert json.loads(printed["json"])["results"]["bindings"]
    assert ox.parse_query_results(printed["xml"], format=ox.QueryResultsFormat.XML)
    assert printed["tsv"].startswith("?body\t")
    assert list(ox.parse(printed["ttl"], format=ox.RdfFormat.TURTLE))
    assert printed["md"].startswith("| body |")


def test_the_help_of_a_question_shows_its_own_options(capsys: Captured) -> None:
    assert run("ask", "cq-4", "--help") == 0
    shown = capsys.readouterr().out
    for word in ("--state", "--before", "--after", "YYYY-MM-DD", "default: today", "CQ-04"):
        assert word in shown
    assert run("ask", "--help") == 0
    assert "--before" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        (("ask", "who-could-inspekt"), 2, "Did you mean who-could-inspect-on-a-day?"),
        (("ask", "cq-99"), 2, "ergaomnes questions"),
        (("ask", "cq-3", "--stat", "rus"), 2, "--state"),
        (("ask", "cq-3", "--state", "ruz"), 2, "Did you mean rus"),
        (("ask", "cq-3", "--state", "body:cpt"), 2, "does not fit"),
        (("ask", "cq-3", "--day", "1 October 2025"), 2, "a day of the calendar"),
        (("ask", "cq-3", "--format", "pdf"), 2, "csv"),
        (("ask", "cq-3", "--endpoint", "file:///etc/passwd"), 2, "http"),
        (("ask", "cq-3", "--endpoint", "http://no-such-host.invalid/"), 4, "cannot be reached"),
        (("ask",), 2, "name"),
        (("questions", "cq-99"), 2, "No such question"),
    ],
)
def test_what_is_typed_wrongly_is_answered_helpfully(
    typed: tuple[str, ...], status: int, said: str, capsys: Captured
) -> None:
    assert run(*typed) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in " ".join(shown.err.split())


def test_the_questions_are_listed_with_their_options(capsys: Captured) -> None:
    assert run("questions") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for one in Catalogue(shipped().queries, prefixes()):
        assert one.name in shown
        assert one.title in shown


def test_one_question_is_shown_in_full(capsys: Captured) -> None:
    assert run("questions", "cq-4") == 0
    shown = capsys.readouterr().out
    assert "powers-before-and-after" in shown
    assert "--before" in shown
    assert "default: today" in shown
    assert "ergaomnes ask powers-before-and-after --state rus --before" in shown


@pytest.fixture
def endpoint(built: Built) -> Iterator[str]:
    with served(create_app(Settings(dump=built.dump))) as address:
        assert httpx.get(f"{address}/health", trust_env=False).status_code == 200
        yield f"{address}/sparql"


def test_another_endpoint_gives_the_same_answer(endpoint: str, capsys: Captured) -> None:
    assert run("ask", "cq-3", "--day", "2025-10-01") == 0
    here = capsys.readouterr().out
    asked = ("ask", "cq-3", "--day", "2025-10-01", "--endpoint", endpoint, "--timeout", "20")
    assert run(*asked) == 0
    assert capsys.readouterr().out == here
    assert run("ask", "cq-3", "--state", "ruz", "--endpoint", endpoint) == 2
    assert "Did you mean rus" in capsys.readouterr().err
