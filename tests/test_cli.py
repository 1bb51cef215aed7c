import subprocess
import sys
from importlib import import_module
from keyword import iskeyword

import pytest
from typer.testing import CliRunner

from ergaomnes import __version__
from ergaomnes.cli import COMMANDS, app, main, paragraph
from ergaomnes.errors import MissingQuery, TurtleSyntax, UnknownQuestion

HEAVY = ("fastapi", "pyoxigraph", "pyshacl", "rdflib", "uvicorn", "SPARQLWrapper")


def loaded_by(*arguments: str) -> set[str]:
    """Run a command in a fresh process and give the heavy modules it loaded."""
    code = (
        "import sys; from ergaomnes.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split()[1:])


def test_the_help_names_every_command_under_its_heading() -> None:
    shown = CliRunner().invoke(app(), ["--help"]).stdout
    for name, command in COMMANDS.items():
        assert name in shown
        assert command.panel in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_says_the_same_loaded_or_not(name: str) -> None:
    called = f"{name}_" if iskeyword(name) else name
    function = getattr(import_module(f"ergaomnes.commands.{called}"), called)
    assert (function.__doc__ or "").splitlines()[0] == COMMANDS[name].line


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_every_option(name: str) -> None:
    shown = CliRunner().invoke(app(name), [name, "--help"])
    assert shown.exit_code == 0
    assert "Usage: ergaomnes" in shown.stdout


def test_all_commands_are_loaded_for_the_completion_of_a_shell() -> None:
    assert CliRunner().invoke(app("*"), ["format", "--help"]).stdout.count("--check") > 0


def test_the_help_loads_nothing_heavy() -> None:
    assert loaded_by("--help") == set()
    assert loaded_by("--version") == set()


@pytest.mark.parametrize("name", ["ask", "build", "format", "questions"])
def test_a_question_never_waits_for_the_validator_or_the_web_server(name: str) -> None:
    assert loaded_by(name, "--help") <= {"pyoxigraph"}


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"ergaomnes {__version__}\n"


def test_an_error_of_ours_is_one_paragraph_with_its_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["format", "/nowhere/a.ttl"])
    shown = capsys.readouterr()
    assert caught.value.code == 2
    assert shown.out == ""
    assert shown.err == "The file cannot be read. /nowhere/a.ttl: there is no such file.\n"


def test_a_wrong_setting_is_the_users_fault_not_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERGAOMNES_READERS", "many")
    with pytest.raises(SystemExit) as caught:
        main(["build"])
    assert caught.value.code == 2
    assert "ERGAOMNES_READERS='many': a number is needed." in capsys.readouterr().err


def test_a_misspelt_command_is_answered_with_the_near_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fromat"])
    assert caught.value.code == 2
    assert "format" in capsys.readouterr().err


def test_a_paragraph_says_what_where_and_the_remedy_each_as_a_sentence() -> None:
    assert paragraph(TurtleSyntax("a.ttl", 1, 2, "a dot is missing")) == (
        "The Turtle is not valid. a.ttl:1:2: a dot is missing. "
        "Correct the text at that line and column; nothing was written."
    )
    assert paragraph(UnknownQuestion("x", ("y",))).endswith("called “x”. Did you mean y?")
    assert paragraph(MissingQuery()).count(". ") == 2


def test_build_reports_what_it_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: str
) -> None:
    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        main(["build", "--dump", f"{tmp_path}/d.nq"])
    shown = capsys.readouterr()
    assert caught.value.code == 0
    assert "sha256" in shown.out
    assert "derived" in shown.out
    assert shown.err == ""
