import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ergaomnes import build as module
from ergaomnes.build import build, content_key, current, open_read_only, write_dump
from ergaomnes.errors import BuildFailed, NoSuchFile, RuleFault, TurtleSyntax
from ergaomnes.settings import Settings
from ergaomnes.shipped import Shipped
from ergaomnes.store import EmbeddedEngine

COUNT = "SELECT (COUNT(*) AS ?facts) { GRAPH ?g { ?s ?p ?o } }"


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", kept_stores=2)


def change(files: Shipped, label: str = "Russian Federation") -> None:
    rus = files.data / "states/rus.ttl"
    rus.write_text(rus.read_text("utf-8").replace('"Russia"', f'"{label}"'), "utf-8")


def places(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.data_dir / "stores").iterdir())


def test_the_same_facts_give_the_same_bytes(small: Shipped, here: Settings) -> None:
    one = build(here, small)
    before = one.dump.read_bytes()
    two = build(here, small, again=True)
    assert two.dump.read_bytes() == before
    assert one.sha256 == two.sha256 == hashlib.sha256(before).hexdigest()
    assert before.splitlines() == sorted(before.splitlines())


def test_the_store_and_the_dump_say_the_same(small: Shipped, here: Settings) -> None:
    built = build(here, small)
    on_disk, loaded = open_read_only(built), EmbeddedEngine.of_dump(built.dump)
    every = "SELECT ?g ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?s ?p ?o"
    assert on_disk.select(every) == loaded.select(every)
    assert len(on_disk.select(every)) == built.counts["facts"]
    assert built.rules == {"persons": 1}
    assert built.counts["derived"] == 1


def test_the_derived_graph_says_what_it_was_made_from(small: Shipped, here: Settings) -> None:
    engine = open_read_only(build(here, small))
    assert engine.ask(
        "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX owl: <http://www.w3.org/2002/07/owl#>"
        "ASK { GRAPH <https://w3id.org/ergaomnes/graph/rules> {"
        " <https://w3id.org/ergaomnes/graph/derived> owl:versionInfo ?version ;"
        " prov:wasDerivedFrom <https://w3id.org/ergaomnes/graph/data/states/rus> ,"
        " <https://w3id.org/ergaomnes/rule/persons> ; prov:wasGeneratedBy ?activity ."
        " ?activity prov:used <https://w3id.org/ergaomnes/rule/persons> } }"
    )


def test_a_built_store_is_used_again_and_a_changed_fact_makes_another(
    small: Shipped, here: Settings
) -> None:
    one = current(here, small)
    record = one.meta.stat().st_mtime_ns
    assert current(here, small).meta.stat().st_mtime_ns == record
    change(small)
    two = current(here, small)
    assert two.place != one.place
    assert two.sha256 != one.sha256


@pytest.mark.parametrize("name", ["data/new.ttl", "ontology/new.ttl", "queries/rules/new.rq"])
def test_each_kind_of_shipped_file_is_part_of_the_key(small: Shipped, name: str) -> None:
    before = content_key(small)
    (small.root / name).write_text("", "utf-8")
    added = content_key(small)
    (small.root / name).write_text(" ", "utf-8")
    assert len({before, added, content_key(small)}) == 3


def test_versions_and_the_code_that_builds_are_part_of_the_key(
    small: Shipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {content_key(small)}
    monkeypatch.setattr(module, "__version__", "9.9.9")
    keys.add(content_key(small))
    monkeypatch.setattr(module, "_MAKERS", ())
    keys.add(content_key(small))
    assert len(keys) == 3


@pytest.mark.parametrize("damage", ["dump", "meta", "store"])
def test_a_damaged_store_is_built_again(small: Shipped, here: Settings, damage: str) -> None:
    built = build(here, small)
    if damage == "dump":
        built.dump.write_bytes(built.dump.read_bytes()[:-9])
    elif damage == "meta":
        built.meta.write_text("{", "utf-8")
    else:
        (built.store / "CURRENT").unlink()
    again = current(here, small)
    assert again.dump.read_bytes().endswith(b" .\n")
    assert (
        open_read_only(again).select(COUNT).rows
        == EmbeddedEngine.of_dump(again.dump).select(COUNT).rows
    )


def test_a_killed_build_leaves_nothing_that_looks_finished(
    small: Shipped, here: Settings, tmp_path: Path
) -> None:
    # The process stops for good while it derives, with its folder half made.
    (small.queries / "rules/long.rq").write_text(
        "#+ title: L\n#+ question: L?\n#+ derives: ['rdf:type']\n"
        "CONSTRUCT { ?a a ?z } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?z"
        " FILTER(STRLEN(STR(?z)) > 9999) }",
        "utf-8",
    )
    code = (
        "import sys; from pathlib import Path; from ergaomnes.build import build;"
        "from ergaomnes.settings import Settings; from ergaomnes.shipped import Shipped;"
        "build(Settings(data_dir=Path(sys.argv[1])), Shipped(Path(sys.argv[2])))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(here.data_dir), str(small.root)])
    stores, deadline = here.data_dir / "stores", time.monotonic() + 30
    while not list(stores.glob(".building-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(stores.glob(".building-*"))
    assert not list(stores.glob("[!.]*"))
    (small.queries / "rules/long.rq").unlink()
    built = current(here, small)
    assert places(here) == [".lock", built.key]


def test_two_processes_build_the_same_store_without_harm(small: Shipped, here: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from ergaomnes.build import current;"
        "from ergaomnes.settings import Settings; from ergaomnes.shipped import Shipped;"
        "print(current(Settings(data_dir=Path(sys.argv[1])), Shipped(Path(sys.argv[2]))).sha256)"
    )
    command = [sys.executable, "-c", code, str(here.data_dir), str(small.root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert answers == {current(here, small).sha256}
    assert places(here) == [".lock", content_key(small)]


def test_only_the_stores_used_last_are_kept(small: Shipped, here: Settings) -> None:
    made = []
    for number, label in enumerate(("Russia", "A", "B")):
        (small.data / "states/rus.ttl").write_text(f'<e:s> <e:p> "{label}" .', "utf-8")
        made.append(build(here, small))
        os.utime(made[-1].place, (number, number))
    assert places(here) == sorted([".lock", made[1].key, made[2].key])


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("data/bad.ttl", "<e:s> <e:p> 'x", TurtleSyntax),
        ("queries/rules/bad.rq", "CONSTRUCT { } WHERE { }", RuleFault),
    ],
)
def test_a_fault_in_a_shipped_file_leaves_no_store(
    small: Shipped, here: Settings, name: str, text: str, kind: type[Exception]
) -> None:
    (small.root / name).write_text(text, "utf-8")
    with pytest.raises(kind, match="bad"):
        current(here, small)
    assert not list((here.data_dir / "stores").glob("[!.]*"))


def test_a_folder_that_cannot_be_written_is_named(small: Shipped, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildFailed, match="file"):
        current(Settings(data_dir=tmp_path / "file"), small)


def test_the_dump_can_be_written_elsewhere(small: Shipped, here: Settings, tmp_path: Path) -> None:
    built = build(here, small)
    write_dump(built, tmp_path / "d.nq")
    assert (tmp_path / "d.nq").read_bytes() == built.dump.read_bytes()
    with pytest.raises(NoSuchFile, match="nowhere"):
        write_dump(built, tmp_path / "nowhere/d.nq")


def test_the_record_says_what_the_store_was_made_with(small: Shipped, here: Settings) -> None:
    built = build(here, small)
    meta = json.loads(built.meta.read_text("utf-8"))
    assert meta["sha256"] == built.sha256
    assert set(meta["versions"]) == {"ergaomnes", "pyoxigraph", "python"}
    assert meta["counts"]["files"] == 2
    assert meta["seconds"] > 0
