"""Tables of acts: what is read, what is refused, what stays as it is."""

import csv
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ergaomnes.errors import (
    BadColumns,
    BadRows,
    CellFault,
    NoSuchFile,
    TableTooOld,
    TableUnreadable,
)
from ergaomnes.imports import Difference, describe, differences, save
from ergaomnes.shipped import Shipped, shipped
from ergaomnes.terms import prefixes
from ergaomnes.turtle import formatted, read, triples

PARTS = (
    "actions/rus.ttl",
    "bodies/cat-committee.ttl",
    "instruments/mtdsg-iv-5.ttl",
    "instruments/mtdsg-iv-9.ttl",
    "norms/mtdsg-iv-9.ttl",
    "organisations",
    "sources/untc.ttl",
    "states",
    "statements/completeness-registers.ttl",
    "territories",
)
HEADER = "participant,instrument,kind,deposited_on,confidence,source"


@pytest.fixture
def world(tmp_path: Path) -> Shipped:
    """A small packaged world: all that is meant, and a part of what is known."""
    root = tmp_path / "root"
    for folder in ("ontology", "queries"):
        shutil.copytree(shipped().root / folder, root / folder)
    for part in PARTS:
        here, there = shipped().data / part, root / "data" / part
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there)
        else:
            shutil.copy(here, there)
    return Shipped(root)


def table(world: Shipped, text: str | bytes, name: str = "table.csv") -> Path:
    file = world.root / name
    file.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return file


def told(world: Shipped, file: Path, **options: object) -> list[Difference]:
    return differences(file, world, prefixes(), lambda *_: None, **options)  # type: ignore[arg-type]


def faults(world: Shipped, text: str) -> Sequence[CellFault]:
    with pytest.raises(BadRows) as found:
        told(world, table(world, text))
    return found.value.faults


def names(iris: Sequence[str]) -> list[str]:
    return [prefixes().short(iri) for iri in iris]


def files_of(world: Shipped) -> Iterator[tuple[str, bytes]]:
    return ((str(file), file.read_bytes()) for file in sorted((world.data).rglob("*.ttl")))


@pytest.mark.parametrize(
    "word",
    ["FRA", "fr", "250", "France", "state:fra", "https://w3id.org/ergaomnes/id/state/fra",
     "Франция", "Francia", "فرنسا", "法国", "the French Republic", "République française"],
)  # fmt: skip
def test_a_participant_is_known_by_code_number_name_and_identifier(
    world: Shipped, word: str
) -> None:
    (made,) = told(
        world, table(world, f"{HEADER}\n{word},CAT,ratification,1986-02-18,high,untc-iv-9\n")
    )
    assert names(made.new) == ["action:fra-mtdsg-iv-9-ratification"]


@pytest.mark.parametrize("word", ["Cote d'Ivoire", "Côte d’Ivoire", "COTE D'IVOIRE", "Ivory Coast"])
def test_accents_apostrophes_and_case_do_not_matter(world: Shipped, word: str) -> None:
    (made,) = told(
        world, table(world, f"{HEADER}\n{word},CAT,accession,1995-12-18,high,untc-iv-9\n")
    )
    assert names(made.new) == ["action:civ-mtdsg-iv-9-accession"]


def test_namibia_is_no_missing_value(world: Shipped) -> None:
    (made,) = told(world, table(world, f"{HEADER}\nNA,CAT,accession,1994-11-28,high,untc-iv-9\n"))
    assert names(made.new) == ["action:nam-mtdsg-iv-9-accession"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_mark_and_line_ends_are_found_out(
    world: Shipped, delimiter: str, mark: bytes, end: str
) -> None:
    lines = [HEADER, "FRA,CAT,ratification,1986-02-18,high,untc-iv-9", ""]
    text = end.join(lines).replace(",", delimiter)
    (made,) = told(world, table(world, mark + text.encode()))
    assert len(made.new) == 1


def test_a_workbook_says_the_same_as_a_csv_file(world: Shipped) -> None:
    rows: list[list[object]] = [
        [*HEADER.split(",")],
        ["FRA", "CAT", "ratification", 31461, "high", "untc-iv-9"],
    ]
    book = workbook(world.root / "table.xlsx", rows)
    (made,) = told(world, book)
    assert names(made.new) == ["action:fra-mtdsg-iv-9-ratification"]
    assert '"1986-02-18"^^xsd:date' in next(iter(made.writes.values()))


def test_every_fault_of_every_row_is_told_in_one_run(world: Shipped) -> None:
    found = faults(
        world,
        f"{HEADER}\nFrnace,CAT,ratification,1986-02-18,high,untc-iv-9\n"
        "FRA,CAT,ratificaton,18/02/1986,high,untc-iv-9\n"
        "FRA,CATT,ratification,1986-02-30,certain,untc-iv-99\n",
    )
    assert [(each.row, each.column) for each in found] == [
        (2, "participant"), (3, "kind"), (3, "deposited_on"), (4, "instrument"),
        (4, "deposited_on"), (4, "confidence"), (4, "source"),
    ]  # fmt: skip
    by_place = {(each.row, each.column): each for each in found}
    assert "state:fra" in by_place[2, "participant"].remedy
    assert "ratification" in by_place[3, "kind"].remedy
    assert "YYYY-MM-DD" in by_place[3, "deposited_on"].remedy
    assert by_place[4, "deposited_on"].why == "there is no such day"
    assert all(each.remedy and each.value for each in found)


def test_a_good_part_of_a_bad_table_is_not_taken_over(world: Shipped) -> None:
    before = list(files_of(world))
    faults(world, f"{HEADER}\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9\nX,CAT,,,high,\n")
    assert list(files_of(world)) == before


def test_columns_that_are_wrong_or_missing_are_told_with_near_names(world: Shipped) -> None:
    with pytest.raises(BadColumns) as found:
        told(world, table(world, "particpant,instrument,kind,source\n"))
    assert "participant" in str(found.value)
    assert "confidence" in str(found.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfep\x00", b"partici\xffpant\n", b'participant,"instrument\nFRA', b"PK\x03\x04"],
)
def test_what_is_no_table_is_refused_with_a_remedy(world: Shipped, content: bytes) -> None:
    with pytest.raises(TableUnreadable) as found:
        told(world, table(world, content))
    assert found.value.remedy


def test_a_workbook_that_is_none_and_a_file_that_is_not_there_are_refused(world: Shipped) -> None:
    with pytest.raises(TableUnreadable):
        told(world, table(world, b"not a workbook", "table.xlsx"))
    with pytest.raises(NoSuchFile):
        told(world, world.root / "absent.csv")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2021", "2021-01-01", "2021-12-31"), ("1992-02", "1992-02-01", "1992-02-29"),
     ("1992-02/1993", "1992-02-01", "1993-12-31")],
)  # fmt: skip
def test_a_part_of_a_date_becomes_bounds(world: Shipped, text: str, first: str, last: str) -> None:
    (made,) = told(world, table(world, f"{HEADER}\nFRA,CAT,objection,{text},low,untc-iv-9\n"))
    written = next(iter(made.writes.values()))
    assert f'erga:earliestDate "{first}"^^xsd:date' in written
    assert f'erga:latestDate "{last}"^^xsd:date' in written
    assert "depositDate" not in written


def test_importing_twice_changes_nothing_and_the_text_is_in_the_house_form(world: Shipped) -> None:
    file = table(
        world,
        f"{HEADER},articles,withdrawn_on\n"
        "FRA,CAT,ratification,1986-02-18,high,untc-iv-9,,\n"
        "FRA,CAT,reservation,1986-02-18,high,untc-iv-9,30(1),1999-01-01\n"
        "FRA,CAT,procedure-acceptance,1988-06-23,high,untc-iv-9,21;22,\n",
    )
    (first,) = told(world, file)
    save(first)
    assert names(first.new) == [
        "action:fra-mtdsg-iv-9-procedure-acceptance",
        "action:fra-mtdsg-iv-9-procedure-acceptance-2",
        "action:fra-mtdsg-iv-9-ratification",
        "action:fra-mtdsg-iv-9-reservation",
        "action:fra-mtdsg-iv-9-withdrawal-of-reservation",
    ]
    (second,) = told(world, file)
    assert second.empty
    assert second.unchanged == 5
    assert formatted(read(first.file), prefixes()) == read(first.file)


def test_names_stay_when_rows_are_added_before(world: Shipped) -> None:
    head = f"{HEADER}\n"
    late = "ARG,CAT,derogation,1986-01-01,high,untc-iv-9\n"
    early = "ARG,CAT,derogation,1985-01-01,high,untc-iv-9\n"
    (made,) = told(world, table(world, head + late))
    save(made)
    (more,) = told(world, table(world, head + early + late))
    assert names(more.new) == ["action:arg-mtdsg-iv-9-derogation-2"]
    assert more.unchanged == 1


def test_what_editors_recorded_stays_theirs(world: Shipped) -> None:
    before = read(world.data / "actions" / "rus.ttl")
    (made,) = told(
        world,
        table(
            world,
            f"{HEADER},articles,withdrawn_on\n"
            "RUS,CAT,ratification,1987-03-03,high,untc-iv-9,,\n"
            "RUS,CAT,procedure-acceptance,1991-10-01,high,untc-iv-9,21;22,\n"
            "RUS,CAT,procedure-exclusion,1987-03-03,high,untc-iv-9,20,1991-10-01\n",
        ),
    )
    assert made.empty
    assert len(made.elsewhere) == 5
    assert read(world.data / "actions" / "rus.ttl") == before


def test_a_corrected_day_is_a_change_and_not_a_new_act(world: Shipped) -> None:
    (made,) = told(world, table(world, f"{HEADER}\nFRA,CAT,ratification,1986-02-19,high,untc-iv-9"))
    save(made)
    (then,) = told(world, table(world, f"{HEADER}\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9"))
    assert names(then.changed) == ["action:fra-mtdsg-iv-9-ratification"]
    assert not then.new
    assert not then.vanished


def test_a_vanished_act_stays_until_someone_says_otherwise(world: Shipped) -> None:
    french = f"{HEADER}\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9\n"
    both = french + "ARG,CAT,ratification,1986-09-24,high,untc-iv-9\n"
    (made,) = told(world, table(world, both))
    save(made)
    fewer = table(world, french)
    (asked,) = told(world, fewer)
    assert names(asked.vanished) == ["action:arg-mtdsg-iv-9-ratification"]
    assert asked.empty
    (removed,) = told(world, fewer, remove_vanished=True)
    assert "arg-mtdsg" not in next(iter(removed.writes.values()))


def test_a_folder_of_ones_own_stands_for_the_packaged_acts(world: Shipped) -> None:
    row = f"{HEADER}\nFRA,CAT,ratification,1986-02-18,{{}},untc-iv-9\n"
    (made,) = told(world, table(world, row.format("high")))
    save(made)
    folder = world.root / "mine"
    (changed,) = told(world, table(world, row.format("low")), folder=folder)
    assert names(changed.changed) == ["action:fra-mtdsg-iv-9-ratification"]
    save(changed)
    (again,) = told(world, table(world, row.format("low")), folder=folder)
    assert again.empty
    assert not again.changed


def test_a_newer_table_moves_the_day_of_its_source_and_of_what_rests_on_it(world: Shipped) -> None:
    row = "FRA,CAT,ratification,1986-02-18,high,untc-iv-9"
    (made,) = told(world, table(world, f"{HEADER}\n{row}\n"), day="2026-09-01")
    save(made)
    assert (made.known_day, made.day) == ("2026-02-03", "2026-09-01")
    text = read(world.data / "sources" / "untc.ttl")
    assert text.count("2026-09-01") == 1
    assert read(world.data / "statements" / "completeness-registers.ttl").count("2026-09-01") == 1
    with pytest.raises(TableTooOld):
        told(world, table(world, f"{HEADER}\n{row}\n"), day="2026-02-03")


def test_two_days_of_one_source_are_a_fault(world: Shipped) -> None:
    found = faults(
        world,
        f"{HEADER},as_of\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9,2026-02-03\n"
        "ARG,CAT,ratification,1986-09-24,high,untc-iv-9,2026-02-04\n",
    )
    assert [(each.row, each.column) for each in found] == [(3, "as_of")]


def test_the_source_may_be_given_for_the_whole_table(world: Shipped) -> None:
    head = HEADER.removesuffix(",source")
    text = f"{head}\nFRA,CAT,ratification,1986-02-18,high\n"
    with pytest.raises(BadColumns):
        told(world, table(world, text))
    page = "https://treaties.un.org/Pages/ViewDetails.aspx"
    address = f"{page}?src=TREATY&mtdsg_no=IV-9&chapter=4&clang=_en"
    for name in ("source:untc-iv-9", "UN Treaty Collection, chapter IV-9", address):
        (made,) = told(world, table(world, text), source=name)
        assert made.file.name == "untc-iv-9.ttl"


def test_a_statement_takes_the_day_of_the_act_it_was_made_with(world: Shipped) -> None:
    (made,) = told(
        world,
        table(
            world,
            f"{HEADER},made_with,articles\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9,,\n"
            "FRA,CAT,reservation,,high,untc-iv-9,ratification,30(1)\n",
        ),
    )
    text = next(iter(made.writes.values()))
    assert text.count('erga:depositDate "1986-02-18"^^xsd:date') == 2
    found = faults(world, f"{HEADER},made_with\nFRA,CAT,reservation,,high,untc-iv-9,ratification\n")
    assert [each.column for each in found] == ["made_with"]


def test_an_objection_finds_the_one_reservation_it_can_oppose(world: Shipped) -> None:
    rows = (
        f"{HEADER},articles,objects_to\n"
        "QAT,CAT,reservation,2000-01-11,high,untc-iv-9,1,\n"
        "FIN,CAT,objection,2001-01-16,high,untc-iv-9,,Qatar\n"
    )
    (made,) = told(world, table(world, rows))
    text = next(iter(made.writes.values()))
    assert "erga:objectsTo action:qat-mtdsg-iv-9-reservation" in text
    (open_,) = told(
        world, table(world, rows + "QAT,CAT,reservation,2000-01-12,high,untc-iv-9,16,\n")
    )
    text = next(iter(open_.writes.values()))
    assert "erga:objectsTo" not in text
    assert "erga:affectsState state:qat" in text


def test_a_reservation_that_an_editor_recorded_is_opposed_once_and_named_as_theirs(
    world: Shipped,
) -> None:
    rows = (
        f"{HEADER},articles,objects_to\n"
        "QAT,CAT,reservation,2000-01-11,high,untc-iv-9,1,\n"
        "FIN,CAT,objection,2001-01-16,high,untc-iv-9,,Qatar\n"
    )
    (made,) = told(world, table(world, rows))
    save(made)
    theirs = world.data / "actions" / "qat.ttl"
    theirs.write_text(
        read(made.file).partition("\naction:")[0]
        + "\naction:qat-mtdsg-iv-9-reservation-by-hand\n  a erga:Reservation ;\n"
        "  erga:concernsInstrument instrument:mtdsg-iv-9 ;\n"
        "  erga:concernsProvision provision:mtdsg-iv-9\\/art-1 ;\n"
        '  erga:depositDate "2000-01-11"^^xsd:date ;\n'
        "  erga:hasActionKind action-kind:reservation ;\n"
        "  erga:isPerformedBy state:qat ;\n.\n",
        "utf-8",
    )
    (again,) = told(world, table(world, rows), remove_vanished=True)
    assert names(list(again.elsewhere)) == ["action:qat-mtdsg-iv-9-reservation-by-hand"]
    assert names(again.vanished) == ["action:qat-mtdsg-iv-9-reservation"]
    text = next(iter(again.writes.values()))
    assert "erga:objectsTo action:qat-mtdsg-iv-9-reservation-by-hand ;" in text


def test_a_new_place_in_a_source_takes_no_name_that_another_place_has(world: Shipped) -> None:
    rows = f"{HEADER},locator\nFRA,CAT,ratification,1986-02-18,high,untc-iv-9,declarations\n"
    (made,) = told(world, table(world, rows))
    text = next(iter(made.writes.values()))
    assert "erga:hasCitation citation:untc-iv-9-declarations-2 ;" in text
    assert "citation:untc-iv-9-declarations-2\n  a erga:Citation ;" in text


def test_an_article_without_a_record_keeps_its_number(world: Shipped) -> None:
    (made,) = told(
        world,
        table(
            world, f"{HEADER},articles\nFRA,CAT,reservation,1986-02-18,low,untc-iv-9,5(1)(b)(ii)\n"
        ),
    )
    text = next(iter(made.writes.values()))
    assert 'erga:articlesAsNamed "5(1)(b)(ii)"' in text
    found = faults(world, f"{HEADER},articles\nFRA,CAT,reservation,1986,low,untc-iv-9,99\n")
    assert [(each.column, each.value) for each in found] == [("articles", "99")]


def test_the_table_is_described_with_all_that_it_may_hold() -> None:
    text = describe(shipped(), prefixes())
    assert "kind (needed)" in text
    assert "succession-to-signature" in text
    assert "monitoring" not in text


def test_the_packaged_acts_are_those_of_the_packaged_tables() -> None:
    tables = {file.stem for file in (shipped().data / "tables").glob("*.csv")}
    acts = {file.stem for file in (shipped().data / "acts").glob("*.ttl")}
    assert tables == acts
    for name in ("fedlex-ecpt", "untc-iv-5"):
        for made in told(shipped(), shipped().data / "tables" / f"{name}.csv"):
            assert made.empty, made
            assert not made.vanished


def test_no_file_of_acts_is_large() -> None:
    for file in (shipped().data / "acts").glob("*.ttl"):
        assert file.stat().st_size < 2_000_000, file
        assert triples(read(file))


def test_every_packaged_table_can_be_opened_by_a_spreadsheet() -> None:
    for file in (shipped().data / "tables").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            widths = {len(row) for row in csv.reader(stream)}
        assert len(widths) == 1, file


def workbook(file: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write the least workbook that Excel opens; a number in the fourth column is a date."""
    cells = []
    for number, row in enumerate(rows, start=1):
        line = "".join(
            f'<c r="{chr(65 + place)}{number}" s="1"><v>{cell}</v></c>'
            if isinstance(cell, int)
            else f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for place, cell in enumerate(row)
        )
        cells.append(f'<row r="{number}">{line}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    content = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{sheet}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheet}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="acts" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="b" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(cells)}'
        "</sheetData></worksheet>",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return file
