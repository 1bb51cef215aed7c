"""A release: every form read again says what the store says, twice the same, whole or not there."""

import csv
import datetime
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyarrow.parquet
import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse

from ergaomnes import jsonld, parquet
from ergaomnes.build import Built, build
from ergaomnes.cli import main
from ergaomnes.description import Format
from ergaomnes.engine import Iri
from ergaomnes.errors import CatalogueFault, UnfitFolder
from ergaomnes.release import SUMS, Release, release
from ergaomnes.settings import Settings
from ergaomnes.sheets import Column, Sheet, check, sheets
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes
from ergaomnes.turtle import canonical

PREFIXES = prefixes()
ACTS = ("fedlex-ecpt.ttl", "untc-iv-9.ttl")  # of the great registers, two are enough here
DCAT, SPDX, VOID = (rdflib.Namespace(PREFIXES[name]) for name in ("dcat", "spdx", "void"))
TABLES = sorted(file.stem for file in (shipped().queries / "tables").glob("*.rq"))


def silent(step: str, done: int, steps: int) -> None:
    """Take no notice."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """Give the packaged files without most of the registers."""
    root, files = tmp_path_factory.mktemp("small"), shipped()
    leave = {file.name for file in (files.data / "acts").glob("*.ttl")} - set(ACTS)
    shutil.copytree(files.ontology, root / "ontology")
    shutil.copytree(files.queries, root / "queries")
    shutil.copytree(files.data, root / "data", ignore=lambda _, names: leave & set(names))
    shutil.copy(files.root / "LICENSE", root)
    return Shipped(root)


@pytest.fixture(scope="module")
def store(small: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(Settings(data_dir=tmp_path_factory.mktemp("stores")), small)


@pytest.fixture(scope="module")
def engine(store: Built) -> EmbeddedEngine:
    return EmbeddedEngine.of_dump(store.dump)


@pytest.fixture(scope="module")
def made(small: Shipped, store: Built, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return release(store, small, PREFIXES, tmp_path_factory.mktemp("made") / "release", silent)


@pytest.fixture(scope="module")
def quads(store: Built) -> frozenset[str]:
    return frozenset(str(quad) for quad in parse(path=str(store.dump)))


@pytest.fixture(scope="module")
def facts(store: Built) -> frozenset[str]:
    return canonical({quad.triple for quad in parse(path=str(store.dump))})


@pytest.fixture(scope="module")
def found(small: Shipped, engine: EmbeddedEngine) -> dict[str, Sheet]:
    return {sheet.name: sheet for sheet in sheets(small.queries, engine, PREFIXES)}


# the graph


def same(read: Set[str], said: Set[str]) -> None:
    """Compare facts, showing but the first that differ: pytest would show them all."""
    assert sorted(read - said)[:5] == []
    assert sorted(said - read)[:5] == []


@pytest.mark.parametrize("name", ["ergaomnes.nq", "ergaomnes.trig"])
def test_a_form_with_graphs_holds_every_fact_in_its_graph(
    name: str, made: Release, quads: frozenset[str]
) -> None:
    same({str(quad) for quad in parse(path=str(made.folder / name))}, quads)


@pytest.mark.parametrize("name", ["ergaomnes.ttl", "ergaomnes.rdf"])
def test_a_form_without_graphs_holds_every_fact_once(
    name: str, made: Release, facts: frozenset[str]
) -> None:
    read = [quad.triple for quad in parse(path=str(made.folder / name))]
    assert len(read) == len(facts)
    same(canonical(read), facts)


def test_json_ld_with_its_context_holds_every_fact(made: Release, facts: frozenset[str]) -> None:
    document = json.loads((made.folder / "ergaomnes.jsonld").read_bytes())
    assert document["@context"] == "context.jsonld"
    document |= json.loads((made.folder / "context.jsonld").read_bytes())
    text = json.dumps(document).encode()
    same(canonical(quad.triple for quad in parse(text, format=RdfFormat.JSON_LD)), facts)


def test_json_ld_is_readable_without_knowing_rdf(made: Release) -> None:
    document = json.loads((made.folder / "ergaomnes.jsonld").read_bytes())
    records = {record["id"]: record for record in document["@graph"]}
    assert len(records) == len(document["@graph"])
    convention = records["instrument:ets-126"]
    assert "Treaty" in convention["type"]
    assert convention["shortName"] == "ECPT"
    assert convention["prefLabel"]["ru"].startswith("Европейская")
    assert convention["hasDepositary"] == "organisation:council-of-europe"
    act = records["action:rus-ets-126-ratification"]
    assert act["depositDate"] == "1998-05-05"


HARD: list[Literal | NamedNode | BlankNode] = [
    Literal("007", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#integer")),
    Literal("12", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#integer")),
    Literal("99999999999999999999", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#integer")),
    Literal("1", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#boolean")),
    Literal("false", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#boolean")),
    Literal("1.50", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#decimal")),
    Literal("2020-01-01", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#date")),
    Literal("a day", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#gYear")),
    Literal("state:rus"),
    Literal('quoted " and \\ and \n'),
    Literal(""),
    Literal("deux", language="fr"),
    Literal("trois", language="fr"),
    Literal("两", language="zh-hans"),
    NamedNode("https://example.org/a:b"),
    NamedNode("urn:isbn:123"),
    NamedNode(PREFIXES["state"]),
    NamedNode(PREFIXES["state"] + "//odd"),
    BlankNode("thing"),
]
PROPERTIES = ["erga:statement", "erga:isAbout", "erga:actionDate", "erga:noticeMonths"]
PROPERTIES += ["skos:prefLabel", "dcterms:source", "rdf:object", "schema:url"]


@pytest.mark.parametrize("curie", PROPERTIES)
def test_a_value_that_does_not_fit_its_name_is_written_in_full(
    curie: str, engine: EmbeddedEngine
) -> None:
    said = NamedNode(PREFIXES.iri(curie))
    subject = NamedNode(PREFIXES.iri("claim:hard"))
    graph = [Triple(subject, said, each) for each in HARD]
    graph.append(Triple(BlankNode("thing"), said, subject))
    for read in both(graph, jsonld.context(graph, engine, PREFIXES)):
        same(read, canonical(graph))


def test_two_readers_read_the_same_facts_from_the_json_ld_of_the_case(
    engine: EmbeddedEngine,
) -> None:
    graph = sorted({quad.triple for quad in quads_of(engine, "data/")}, key=str)
    assert len(graph) > 500
    ours, theirs = both(graph, jsonld.context(graph, engine, PREFIXES))
    same(ours, canonical(graph))
    same(theirs, canonical(graph))


def quads_of(engine: EmbeddedEngine, folder: str) -> Iterator[Quad]:
    for topic in ("actions/rus", "claims/russia-facts", "events/rus-domestic-chain"):
        graph = NamedNode(f"{PREFIXES['graph']}{folder}{topic}")
        yield from engine.store.quads_for_pattern(None, None, None, graph)


def both(graph: list[Triple], names: jsonld.Context) -> tuple[frozenset[str], frozenset[str]]:
    """Write a graph as JSON-LD and read it with pyoxigraph and with rdflib."""
    out = BytesIO()
    jsonld.write_document(graph, names, out)
    document = json.loads(out.getvalue()) | json.loads(names.written())
    text = json.dumps(document).encode()
    ours = canonical(quad.triple for quad in parse(text, format=RdfFormat.JSON_LD))
    kept = rdflib.NORMALIZE_LITERALS
    rdflib.NORMALIZE_LITERALS = False
    try:
        lines = rdflib.Graph().parse(data=text, format="json-ld").serialize(format="nt")
    finally:
        rdflib.NORMALIZE_LITERALS = kept
    return ours, canonical(quad.triple for quad in parse(lines, format=RdfFormat.N_TRIPLES))


# the tables


@pytest.mark.parametrize("name", TABLES)
def test_every_form_of_a_table_holds_the_rows_of_its_query(
    name: str, made: Release, found: dict[str, Sheet]
) -> None:
    sheet = found[name]
    expected = [["" if text is None else text for text in row] for row in sheet.texts()]
    columns = [column.name for column in sheet.columns]

    with (made.folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        assert list(csv.reader(lines)) == [columns, *expected]

    with closing(sqlite3.connect(made.folder / "ergaomnes.db")) as database:
        rows = database.execute(f'SELECT * FROM "{name.replace("-", "_")}" ORDER BY rowid')
        assert [description[0] for description in rows.description] == columns
        assert [
            [written(cell, column) for cell, column in zip(row, sheet.columns, strict=True)]
            for row in rows
        ] == expected

    table = pyarrow.parquet.read_table(made.folder / "parquet" / f"{name}.parquet")
    assert table.column_names == columns
    assert [
        [written(row[column.name], column) for column in sheet.columns] for row in table.to_pylist()
    ] == expected


def written(cell: object, column: Column) -> str:
    if cell is None:
        return ""
    if column.holds == "boolean":
        return "true" if cell else "false"
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    return str(cell)


def test_the_tables_have_the_rows_that_the_graph_counts(
    engine: EmbeddedEngine, found: dict[str, Sheet]
) -> None:
    classes = {
        "acts": "LegalEvent", "participations": "Participation", "acceptances":
        "ProcedureAcceptance", "instruments": "Instrument", "provisions": "Provision",
        "powers": "OversightPower", "obligations": "Obligation", "claims": "Claim",
        "sources": "Source", "citations": "Citation", "gaps": "KnownGap",
        "completeness": "CompletenessStatement", "participants": "LegalPerson", "actors": "Actor",
    }  # fmt: skip
    for name, local in classes.items():
        everything = engine.select(
            f"SELECT DISTINCT ?s WHERE {{ ?s a <{PREFIXES.iri(f'erga:{local}')}> }}"
        )
        assert {row[0] for row in found[name].rows} == set(everything.column("s")), name


def test_every_reference_of_the_database_leads_to_a_row(made: Release) -> None:
    with closing(sqlite3.connect(made.folder / "ergaomnes.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        references = database.execute(
            "SELECT count(*) FROM sqlite_master m, pragma_foreign_key_list(m.name)"
        )
        assert references.fetchone()[0] > 40


def test_words_are_found_in_the_database_without_their_accents(made: Release) -> None:
    with closing(sqlite3.connect(made.folder / "ergaomnes.db")) as database:
        rows = database.execute(
            "SELECT participant FROM participants WHERE rowid IN"
            " (SELECT rowid FROM participants_fts WHERE participants_fts MATCH ?)",
            ("suede",),
        )
        assert rows.fetchall() == [(PREFIXES.iri("state:swe"),)]


def test_the_metadata_for_datasette_describe_every_table_and_column(made: Release) -> None:
    said = json.loads((made.folder / "metadata.json").read_bytes())
    assert said["license_url"].startswith("https://creativecommons.org/publicdomain/zero")
    tables = said["databases"]["ergaomnes"]["tables"]
    with closing(sqlite3.connect(made.folder / "ergaomnes.db")) as database:
        for name in TABLES:
            table = name.replace("-", "_")
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            assert list(tables[table]["columns"]) == columns
            assert all(tables[table]["columns"].values())
            assert "→" not in "".join(tables[table]["columns"].values())


def test_the_metadata_of_the_csv_files_name_the_columns_that_are_there(made: Release) -> None:
    said = json.loads((made.folder / "tables" / "csv-metadata.json").read_bytes())
    for table in said["tables"]:
        with (made.folder / "tables" / table["url"]).open(encoding="utf-8", newline="") as lines:
            header = next(csv.reader(lines))
        schema = table["tableSchema"]
        assert [column["name"] for column in schema["columns"]] == header
        for key in schema["foreignKeys"]:
            assert (made.folder / "tables" / key["reference"]["resource"]).is_file()


def sheet_of(*rows: str | None, refers_to: str = "") -> Sheet:
    column = Column("thing", "a thing", "anyURI", refers_to)
    cells = tuple((Iri(row) if row else None,) for row in rows)
    return Sheet("things", "", "", (column,), ("thing",), cells)


@pytest.mark.parametrize(
    ("sheet", "why"),
    [
        (sheet_of("urn:a", "urn:a"), "repeats"),
        (sheet_of("urn:a", None), "empty"),
        (sheet_of("urn:a", refers_to="others"), "no table"),
    ],
)
def test_a_table_whose_keys_do_not_hold_is_a_fault(sheet: Sheet, why: str) -> None:
    with pytest.raises(CatalogueFault, match=why):
        check([sheet])


# the description


@pytest.fixture(scope="module")
def description(made: Release) -> rdflib.Graph:
    file = made.folder / "dataset.ttl"
    return rdflib.Graph().parse(data=file.read_bytes(), format="turtle", publicID="file:///r/")


def test_the_description_counts_what_is_there(
    description: rdflib.Graph, engine: EmbeddedEngine, facts: frozenset[str]
) -> None:
    [dataset] = description.subjects(rdflib.RDF.type, DCAT.Dataset)
    assert int(str(description.value(dataset, VOID.triples))) == len(facts)
    parts = {
        str(description.value(part, VOID["property"])): int(
            str(description.value(part, VOID.triples))
        )
        for part in description.objects(dataset, VOID.propertyPartition)
    }
    assert sum(parts.values()) == len(facts)
    assert int(str(description.value(dataset, VOID.properties))) == len(parts)
    classes = {
        str(description.value(part, VOID["class"])): int(
            str(description.value(part, VOID.entities))
        )
        for part in description.objects(dataset, VOID.classPartition)
    }
    counted = engine.select(
        "SELECT ?c (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s a ?c FILTER(ISIRI(?c)) } GROUP BY ?c"
    )
    assert classes == {str(row["c"]): int(str(row["n"])) for row in counted}
    subjects = engine.select("SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s ?p ?o }")
    assert str(description.value(dataset, VOID.distinctSubjects)) == str(subjects.rows[0][0])


def test_every_distribution_has_its_size_checksum_and_address(
    description: rdflib.Graph, made: Release
) -> None:
    [dataset] = description.subjects(rdflib.RDF.type, DCAT.Dataset)
    named = set()
    for each in description.objects(dataset, DCAT.distribution):
        address = str(description.value(each, DCAT.downloadURL))
        name = address.removeprefix("file:///r/")
        content = (made.folder / name).read_bytes()
        named.add(name)
        assert int(str(description.value(each, DCAT.byteSize))) == len(content)
        checksum = description.value(each, SPDX.checksum)
        value = str(description.value(checksum, SPDX.checksumValue))
        assert value.lower() == hashlib.sha256(content).hexdigest()
        assert description.value(each, DCAT.mediaType)
        assert description.value(each, rdflib.DCTERMS.license)
        assert description.value(each, rdflib.DCTERMS.title)
    assert set(description.subjects(rdflib.RDF.type, DCAT.Distribution)) == set(
        description.objects(dataset, DCAT.distribution)
    )
    beside = {"LICENSE", SUMS, "context.jsonld", "dataset.ttl", "metadata.json"}
    assert {name for name, _ in made.files} - named == beside | {"tables/csv-metadata.json"}


def test_every_source_is_named_with_its_publisher_and_any_licence(
    description: rdflib.Graph, engine: EmbeddedEngine
) -> None:
    sources = engine.select(f"SELECT ?s WHERE {{ ?s a <{PREFIXES.iri('erga:Source')}> }}")
    [dataset] = description.subjects(rdflib.RDF.type, DCAT.Dataset)
    named = set(map(str, description.objects(dataset, rdflib.DCTERMS.source)))
    assert named == {str(source) for source in sources.column("s")}
    country_codes = rdflib.URIRef(PREFIXES.iri("source:country-codes"))
    licence = description.value(country_codes, rdflib.DCTERMS.license)
    assert str(licence) == "https://opendatacommons.org/licenses/pddl/1-0/"
    for source in named:
        assert description.value(rdflib.URIRef(source), rdflib.DCTERMS.publisher), source


# the whole


def test_the_checksums_hold_and_leave_no_file_out(made: Release) -> None:
    lines = (made.folder / SUMS).read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    there = {
        file.relative_to(made.folder).as_posix()
        for file in made.folder.rglob("*")
        if file.is_file()
    }
    assert set(sums) == there - {SUMS}
    for name, digest in sums.items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == digest, name


def test_the_same_store_gives_the_same_bytes(
    small: Shipped, store: Built, made: Release, tmp_path: Path
) -> None:
    again = release(store, small, PREFIXES, tmp_path / "again", silent)
    assert again.sha256 == made.sha256
    assert (again.folder / SUMS).read_bytes() == (made.folder / SUMS).read_bytes()


def test_without_pyarrow_everything_else_is_written_and_it_is_said(
    small: Shipped, store: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "arrow", None)
    without = release(store, small, PREFIXES, tmp_path / "without", silent)
    assert not without.with_parquet
    assert not (without.folder / "parquet").exists()
    assert "parquet" not in (without.folder / "dataset.ttl").read_text()
    assert (without.folder / "ergaomnes.db").is_file()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file", "this is a file"),
        ("full", "it is not empty"),
        ("link", "this is a link"),
        (".", "you are in it"),
        ("file/below", "is a file"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_and_left_as_it_is(
    name: str,
    why: str,
    small: Shipped,
    store: Built,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnfitFolder, match=why):
        release(store, small, PREFIXES, Path(name), silent)
    assert sorted(tmp_path.rglob("*")) == before


def test_force_replaces_a_release_and_nothing_else(
    small: Shipped, store: Built, made: Release, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / SUMS).write_text("")
    (older / "dataset.ttl").write_text("")
    with pytest.raises(UnfitFolder, match="not empty"):
        release(store, small, PREFIXES, older, silent)
    assert release(store, small, PREFIXES, older, silent, replace=True).sha256 == made.sha256
    assert [each.name for each in tmp_path.iterdir()] == ["older"]

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    with pytest.raises(UnfitFolder, match="holds no release"):
        release(store, small, PREFIXES, mine, silent, replace=True)
    assert (mine / "thesis.txt").read_text() == "mine"


def test_a_release_that_is_interrupted_leaves_nothing(
    small: Shipped, store: Built, tmp_path: Path
) -> None:
    def interrupt(step: str, done: int, steps: int) -> None:
        if step.startswith("writing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        release(store, small, PREFIXES, tmp_path / "release", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_form_that_nothing_writes_is_a_fault_of_ours(
    small: Shipped, store: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Format("urn:odd", "odd.xyz", "urn:x/media-types/x/odd")
    monkeypatch.setattr("ergaomnes.description.formats", lambda _: (odd,))
    with pytest.raises(CatalogueFault, match="nothing here writes"):
        release(store, small, PREFIXES, tmp_path / "release", silent)


def test_the_command_refuses_a_bad_folder_in_one_paragraph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    monkeypatch.setattr("ergaomnes.commands.export.current", lambda *_: None)
    with pytest.raises(SystemExit) as left:
        main(["export", str(file)])
    assert left.value.code == 2
    assert "this is a file" in capsys.readouterr().err
    assert file.read_text() == "mine"
