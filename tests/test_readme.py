"""The manual tells the truth: what it says to type runs, and prints what it shows."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import engines
import manual
from ergaomnes import __version__
from ergaomnes.app import create_app
from ergaomnes.build import Built
from ergaomnes.catalogue import Catalogue
from ergaomnes.cli import COMMANDS
from ergaomnes.engine import Table, Truth
from ergaomnes.settings import Settings, meanings
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes
from manual import Block, Workplace, blocks, commands, difference
from serving import served

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = blocks(README)
OUTPUTS = manual.outputs(BLOCKS)
CATALOGUE = Catalogue(shipped().queries, prefixes())


def written_in(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.fixture(scope="module")
def address(built: Built, settings: Settings) -> Iterator[str]:
    """Serve the packaged graph on a free port."""
    assert built.dump.exists()
    with served(create_app(settings)) as found:
        yield found


@pytest.fixture(scope="module")
def workplace(
    request: pytest.FixtureRequest,
    built: Built,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Workplace:
    """Make the folder in which the manual is followed; the service starts when first needed."""
    assert built.dump.exists()
    folder = tmp_path_factory.mktemp("reader")
    manual.prepare(folder, ROOT, README)

    @cache
    def where() -> str:
        found: str = request.getfixturevalue("address")
        return found

    return Workplace(folder, settings.data_dir, where)


# --- the README itself -------------------------------------------------------------------------


@pytest.mark.parametrize("block", written_in("console"), ids=str)
def test_every_command_runs_and_prints_what_is_shown(block: Block, workplace: Workplace) -> None:
    assert "\n".join(manual.faults_of_console(block, workplace)) == ""


@pytest.mark.parametrize("block", written_in("python"), ids=str)
def test_every_python_block_runs_and_prints_what_is_shown(
    block: Block, workplace: Workplace
) -> None:
    assert "\n".join(manual.faults_of_python(block, OUTPUTS.get(block), workplace)) == ""


@pytest.mark.parametrize("block", written_in("sparql"), ids=str)
def test_every_query_finds_something(block: Block, graph: EmbeddedEngine) -> None:
    answer = graph.query(block.text)
    if isinstance(answer, Truth):
        return
    assert list(answer.rows if isinstance(answer, Table) else answer.triples)


def test_the_manual_shows_commands_and_a_program() -> None:
    """Without any, the tests above would be left out in silence."""
    assert written_in("console")
    assert written_in("python")


def test_everything_there_is_to_use_is_named() -> None:
    assert manual.missing_names(README, everything()) == []


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"ERGAOMNES_[A-Z][A-Z_]*", README)) <= set(meanings())


def test_every_link_leads_to_a_file_or_a_heading() -> None:
    assert manual.broken_links(README, ROOT) == []


def test_an_answer_that_is_shown_names_its_day() -> None:
    """An answer as at today would be another one tomorrow."""
    assert [command for block in written_in("console") for command in undated(block)] == []


def everything() -> dict[str, list[str]]:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {path.split("/")[0] for path in tracked if "/" in path}
    routes = create_app(engines.settings()).openapi()["paths"]
    questions = {f"/questions/{question.name}" for question in CATALOGUE}
    return {
        "command": [f"ergaomnes {name}" for name in COMMANDS],
        "setting": list(meanings()),
        # The address of the service itself is no name to look for.
        "route": [
            *(route for route in routes if route != "/" and route not in questions),
            "/openapi.json",
        ],
        "question": [question.name for question in CATALOGUE],
        "folder": sorted(f"{name}/" for name in folders if not name.startswith(".")),
    }


def undated(block: Block) -> list[str]:
    """List the questions that are asked as at today although their answer is shown."""
    found: list[str] = []
    for command in commands(block):
        words = shlex.split(command.bare)
        if words[:2] != ["ergaomnes", "ask"] or not any(line.strip() for line in command.shown):
            continue
        question = next((one for one in CATALOGUE if {one.name, one.number} & set(words)), None)
        for parameter in question.parameters.values() if question else ():
            flag = f"--{parameter.name.replace('_', '-')}"
            if parameter.is_today and not any(word.split("=")[0] == flag for word in words):
                found.append(f"line {command.line}: {command.text} without {flag}")
    return found


# --- a small manual, right and then wrong ------------------------------------------------------

NEAR = "denunciations-compared, inspection-compared or denunciations-and-limitations"
SMALL = f"""# A small manual

See [the licence](LICENSE) and [the start](#a-small-manual).

```console
$ uv run ergaomnes --version
ergaomnes {__version__}
$ git clone https://example.org/manual
$ uv run ergaomnes format \\
    --check small.ttl
```

```console
$ uv run python -c 'print("one"); print("two"); print("three")'
one
{manual.LEFT_OUT}
three
$ uv run ergaomnes ask denunciation-compared
{manual.LEFT_OUT} Did you mean {NEAR}?
```

Then ask it by a program:

```python
print("{manual.ADDRESS}"[:4])
```

```text
http
```

```turtle small.ttl
@prefix erga: <https://w3id.org/ergaomnes/def/> .
@prefix state: <https://w3id.org/ergaomnes/id/state/> .

state:rus
  a erga:State ;
.
```
""".replace(
    f"{manual.LEFT_OUT} Did",
    "No such question. There is no question called “denunciation-compared”. Did",
)


@pytest.fixture(scope="module")
def small_workplace(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("small")
    manual.prepare(folder, ROOT, SMALL)
    return replace(workplace, folder=folder)


def faults(text: str, workplace: Workplace, unchanged: str = "") -> str:
    """Follow a manual, save the blocks that stand in another one just the same."""
    found = blocks(text)
    shown = manual.outputs(found)
    after = {one: two.text for one, two in shown.items()}
    said: list[str] = []
    for block in found:
        if f"{block.text}```" in unchanged and after.get(block, "") in unchanged:
            continue
        if block.language == "console":
            said += manual.faults_of_console(block, workplace)
        if block.language == "python":
            said += manual.faults_of_python(block, shown.get(block), workplace)
    return "\n".join([*said, *manual.broken_links(text, ROOT)])


def test_a_manual_that_tells_the_truth_has_no_faults(small_workplace: Workplace) -> None:
    assert faults(SMALL, small_workplace) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        (f"ergaomnes {__version__}", "ergaomnes 99.0", "-ergaomnes 99.0"),
        (f"ergaomnes {__version__}", f"ergaomnes {__version__}\nand more", "-and more"),
        ("one\n…", "two\n…", "+one"),
        ("…\nthree", "…\ntwo\nthree", "-…"),
        ("…\nthree", "three", "+two"),
        ("small.ttl\n", "absent.ttl\n", "exit status 2"),
        ("git clone https://example.org/manual", "brew install x", "nobody knows how to check"),
        ("example.org/manual", "example.org/manual\nCloning", "output that nobody checks"),
        ("ask denunciation-", "ask denunciations-", "-No such question"),
        ('print("http', 'raise SystemExit(2) or print("http', "exit status 2"),
        ("http\n", "https\n", "-https"),
        ("(LICENSE)", "(LICENCE)", "no such file: LICENCE"),
        ("(#a-small-manual)", "(#a-large-manual)", "no such heading: #a-large-manual"),
    ],
)
def test_a_manual_that_does_not_is_told_where(
    right: str, wrong: str, complaint: str, small_workplace: Workplace
) -> None:
    text = SMALL.replace(right, wrong, 1)
    assert text != SMALL
    assert complaint in faults(text, small_workplace, unchanged=SMALL)


def test_the_service_is_started_as_the_manual_says_and_found_where_it_is(
    small_workplace: Workplace,
) -> None:
    serving = (
        "```console\n"
        "$ uv run ergaomnes serve --port 8000 &\n"
        f"Serving on {manual.ADDRESS}/ (Ctrl-C ends it)\n"
        "```\n"
    )
    asking = (
        "```console\n"
        f"$ curl -s '{manual.ADDRESS}/questions/CQ-22?format=csv' | head -n 1 | cut -c 1-15\n"
        "notified,effect\n"
        "```\n"
        f'```python\nprint("{manual.ADDRESS}")\n```\n'
        f"```text\n{manual.ADDRESS}\n```\n"
    )
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert faults(serving + asking, small_workplace) == ""
    assert "-Listening" in faults(serving.replace("Serving", "Listening"), small_workplace)
    assert "it does not serve" in faults(
        serving.replace("serve", "serve --readers none"), small_workplace
    )
    assert "-effect" in faults(asking.replace("notified,effect", "effect"), small_workplace)


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a  ", "b"], "\na\nb  \n\n", True),
        (["a", "…", "d"], "a\nb\nc\nd\n", True),
        (["a", "…"], "a\nb\n", True),
        (["…", "b"], "a\nb\n", True),
        (["a", "…", "b"], "a\nb\n", False),
        (["a"], "a\nb\n", False),
        (["a", "b"], "a\n", False),
        (["A"], "a\n", False),
        ([" a"], "a\n", False),
        (["a.c"], "abc\n", False),
    ],
)
def test_output_is_compared_to_the_letter(shown: list[str], printed: str, agree: bool) -> None:
    assert (difference(shown, printed) == "") is agree


def test_what_a_manual_does_not_name_is_listed() -> None:
    text = "`ergaomnes asks`, http://127.0.0.1:8000/sparql, /questions/NAME and `data/`."
    names = {
        "command": ["ergaomnes ask", "ergaomnes serve"],
        "route": ["/sparql", "/questions/{name}", "/health"],
        "folder": ["data/", "tests/"],
    }
    assert manual.missing_names(text, names) == [
        "command never named: ergaomnes ask",
        "command never named: ergaomnes serve",
        "route never named: /health",
        "folder never named: tests/",
    ]


def test_everything_that_must_be_named_is_looked_for() -> None:
    names = everything()
    assert {"ergaomnes ask", "ergaomnes serve"} <= set(names["command"])
    assert "ERGAOMNES_TIME_LIMIT" in names["setting"]
    assert {"/sparql", "/questions/{name}", "/validate", "/health"} <= set(names["route"])
    assert len(names["question"]) >= 25
    assert names["folder"] == ["data/", "ontology/", "queries/", "service/", "tests/"]


def test_an_answer_without_a_day_is_found() -> None:
    asked = "```console\n$ uv run ergaomnes ask CQ-03 --state rus{}\n{}\n```\n"
    (dateless,) = blocks(asked.format("", "1 of 3"))
    (silent,) = blocks(asked.format("", ""))
    (dated,) = blocks(asked.format(" --day 2025-10-01", "1 of 3"))
    (found,) = undated(dateless)
    assert "CQ-03" in found
    assert found.endswith("without --day")
    assert undated(silent) == undated(dated) == []


@pytest.mark.parametrize("text", ["```console\n$ uv run ergaomnes", "```console\noutput\n```"])
def test_a_block_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(AssertionError, match=r"line \d"):
        [commands(block) for block in blocks(text)]
