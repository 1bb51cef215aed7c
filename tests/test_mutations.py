"""Acts that nobody has recorded are taken; each mistake made in one is told with rule and line.

A sample by default; all by MUTATIONS=300 uv run pytest tests/test_mutations.py
"""

import os
import random
import re
from collections.abc import Iterator
from itertools import product

import pyoxigraph as ox
import pytest

from ergaomnes import media
from ergaomnes.build import Built
from ergaomnes.contribution import Packaged, Proposal
from ergaomnes.shipped import shipped
from ergaomnes.submission import read_submission
from ergaomnes.terms import Prefixes

MANY = int(os.environ.get("MUTATIONS", "40"))
PREFIXES = """\
@prefix action: <https://w3id.org/ergaomnes/id/action/> .
@prefix action-kind: <https://w3id.org/ergaomnes/scheme/action-kind/> .
@prefix citation: <https://w3id.org/ergaomnes/id/citation/> .
@prefix confidence: <https://w3id.org/ergaomnes/scheme/confidence/> .
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix instrument: <https://w3id.org/ergaomnes/id/instrument/> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
TREATIES = ("mtdsg-iv-13", "mtdsg-iv-12", "mtdsg-iv-9-b", "mtdsg-iv-16")

# What is done to a line, the rule that has to be named, and the line that has to be named with it.
Mutation = tuple[str, str, str, str]
GONE = "#"
MUTATIONS: tuple[Mutation, ...] = (
    ("depositDate", "2024-11-05", "2024-11-31", "shape:LegalEvent-depositDate"),
    ("depositDate", r'"2024-11-05"\^\^xsd:date', '"5 November"', "shape:LegalEvent-depositDate"),
    ("depositDate", "erga:depositDate", "erga:depositDat", "shape:DeclaredProperty-isDefinedBy"),
    ("hasCitation", "status ;", "statu ;", "shape:Reference-type"),
    (
        "isPerformedBy",
        "isPerformedBy state:",
        "isPerformedBy action:x-",
        "shape:Reference-type",
    ),
    (
        "concernsInstrument",
        r"instrument:[\w-]+",
        "state:fra",
        "shape:Record-concernsInstrument",
    ),
    ("hasActionKind", "accession", "accesion", "shape:Reference-type"),
    ("hasConfidence", "confidence:high", "action-kind:accession", "shape:Record-hasConfidence"),
    (
        "ConsentToBeBound",
        "ConsentToBeBound",
        "ConsentToBeBoundd",
        "shape:DeclaredClass-isDefinedBy",
    ),
    ("hasCitation", "  erga:hasCitation", GONE, "shape:Record-hasCitation"),
)


def act(state: str, treaty: str) -> str:
    """Write an accession as a contributor would."""
    series = treaty.removeprefix("mtdsg-")
    return PREFIXES + (
        f"\naction:{state}-{treaty}-accession\n"
        "  a erga:ConsentToBeBound ;\n"
        f"  erga:concernsInstrument instrument:{treaty} ;\n"
        '  erga:depositDate "2024-11-05"^^xsd:date ;\n'
        "  erga:hasActionKind action-kind:accession ;\n"
        f"  erga:hasCitation citation:untc-{series}-status ;\n"
        "  erga:hasConfidence confidence:high ;\n"
        f"  erga:isPerformedBy state:{state} ;\n"
        ".\n"
    )


@pytest.fixture(scope="module")
def packaged(built: Built, table: Prefixes) -> Packaged:
    return Packaged(built.dump, shipped(), table)


@pytest.fixture(scope="module")
def acts(packaged: Packaged, table: Prefixes) -> list[str]:
    """Give accessions that nobody has recorded: of states that have done nothing there."""
    store, prefixes = packaged.background.store, table
    rows = store.query(
        f"SELECT ?s ?t {{ ?a <{prefixes.iri('erga:isPerformedBy')}> ?s ;"
        f" <{prefixes.iri('erga:concernsInstrument')}> ?t }}",
        use_default_graph_as_union=True,
    )
    assert isinstance(rows, ox.QuerySolutions)
    done = {tuple(str(one).strip("<>").rpartition("/")[2] for one in row) for row in rows}
    codes = sorted({state for state, _ in done if len(state) == 3})
    free = [pair for pair in product(codes, TREATIES) if pair not in done]
    chosen = random.Random(3).sample(free, k=min(MANY, len(free)))
    return [act(state, treaty) for state, treaty in chosen]


def proposed(packaged: Packaged, text: str) -> Proposal:
    return packaged.propose([read_submission(text.encode(), media.TURTLE)])


def test_what_is_good_is_never_refused(packaged: Packaged, acts: list[str]) -> None:
    assert len(acts) >= min(MANY, 100)
    for text in acts:
        found = proposed(packaged, text)
        assert found.judgement.report.conforms, found.judgement.as_text(packaged.prefixes, "en")
        assert found.unsourced == ()
        assert len(found.patch.added) == 7
        assert found.following.added, "who accedes is a party, by the rules"


def mutated(acts: list[str]) -> Iterator[tuple[str, str, int]]:
    """Give each text with one mistake, the rule that it breaks and the line of the mistake."""
    for number, text in enumerate(acts):
        where, old, new, rule = MUTATIONS[number % len(MUTATIONS)]
        lines = text.split("\n")
        [place] = [n for n, line in enumerate(lines) if where in line and "@prefix" not in line]
        lines[place], changed = re.subn(old, new, lines[place])
        assert changed == 1
        # What is missing is told of the record, at its first line.
        at = lines.index("") + 1 if new == GONE else place
        yield "\n".join(lines), rule, at + 1


def test_each_mistake_is_told_with_its_rule_and_its_line(
    packaged: Packaged, acts: list[str]
) -> None:
    wrong = []
    for text, rule, line in mutated(acts):
        located = proposed(packaged, text).judgement.located
        told = {
            (packaged.prefixes.short(one.finding.shape), one.place.line if one.place else 0)
            for one in located
        }
        if (rule, line) not in told:
            wrong.append((rule, line, told))
    assert not wrong, wrong[:10]
