from pathlib import Path

import pytest
from typer.testing import CliRunner

from ergaomnes.cli import app, main
from ergaomnes.errors import CommentsInTurtle, NoSuchFile, TurtleSyntax, UnformattedTurtle

LOOSE = "@prefix state: <https://w3id.org/ergaomnes/id/state/> . state:rus a state:sun ."
HOUSE = "@prefix state: <https://w3id.org/ergaomnes/id/state/> .\n\nstate:rus\n  a state:sun ;\n.\n"


def file(folder: Path, text: str, name: str = "a.ttl") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app("format"), ["format", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_file_is_written_in_the_house_form_and_named(tmp_path: Path) -> None:
    loose = file(tmp_path, LOOSE)
    assert run(loose) == f"{loose}\n"
    assert loose.read_text("utf-8") == HOUSE
    assert run(loose) == ""


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    file(tmp_path, LOOSE, "a.ttl")
    (tmp_path / "sub").mkdir()
    inner = file(tmp_path / "sub", LOOSE, "b.ttl")
    run(tmp_path)
    assert inner.read_text("utf-8") == HOUSE


def test_check_writes_nothing_and_shows_the_difference(tmp_path: Path) -> None:
    loose, right = file(tmp_path, LOOSE, "a.ttl"), file(tmp_path, HOUSE, "b.ttl")
    result = CliRunner().invoke(app("format"), ["format", "--check", str(loose), str(right)])
    assert isinstance(result.exception, UnformattedTurtle)
    assert result.exception.data["files"] == (str(loose),)
    assert "+state:rus\n+  a state:sun ;\n+.\n" in result.stdout
    assert loose.read_text("utf-8") == LOOSE
    assert run("--check", right) == ""


def test_nothing_is_written_when_one_of_the_files_has_a_fault(tmp_path: Path) -> None:
    loose, bad = file(tmp_path, LOOSE, "a.ttl"), file(tmp_path, "x:a x:b x:c .", "b.ttl")
    with pytest.raises(TurtleSyntax, match=r"b\.ttl:1:1: .*x: has not been declared"):
        run(loose, bad)
    assert loose.read_text("utf-8") == LOOSE


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_comments_are_refused_unless_they_may_go(tmp_path: Path, options: list[str]) -> None:
    commented = file(tmp_path, f"# why\n{LOOSE}")
    with pytest.raises(CommentsInTurtle):
        run(*options, commented)
    assert commented.read_text("utf-8").startswith("# why")
    run("--drop-comments", commented)
    assert commented.read_text("utf-8") == HOUSE


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"gone\.ttl"):
        run(tmp_path / "gone.ttl")
    with pytest.raises(NoSuchFile, match=r"no \.ttl file"):
        run(tmp_path)


def test_the_exit_status_tells_a_difference_from_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, arguments, status in (
        (LOOSE, ["--check"], 1),
        ("x:a x:b x:c .", [], 3),
        (f"# why\n{LOOSE}", [], 3),
        (LOOSE, [], 0),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["format", *arguments, str(file(tmp_path, text))])
        assert caught.value.code == status
    assert "Traceback" not in capsys.readouterr().err
