"""`ask --columns`: a part of an answer, and what is known of the whole of it."""

import pytest

from ergaomnes.build import Built
from ergaomnes.cli import main

Captured = pytest.CaptureFixture[str]
ASKED = ("ask", "last-visit-and-last-lawful-day", "--day", "2026-10-01")


@pytest.fixture(autouse=True)
def environment(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(built.place.parent.parent))


def run(*typed: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(typed)
    return int(caught.value.code or 0)


def test_columns_are_printed_in_the_order_given(capsys: Captured) -> None:
    assert run(*ASKED, "--columns", "answer, last_certain_day", "-f", "csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        "answer,last_certain_day",
        "uncertain: may have ended,2026-09-30",
    ]


def test_leaving_out_a_column_keeps_the_day_after_which_all_is_last_known(
    capsys: Captured,
) -> None:
    assert run(*ASKED, "--columns", "answer") == 0
    assert "After 2025-09-30 this is the last known state." in capsys.readouterr().out


def test_a_column_that_is_not_there_is_answered_with_near_ones(capsys: Captured) -> None:
    assert run(*ASKED, "--columns", "power_lable") == 2
    assert "power_label" in capsys.readouterr().err
