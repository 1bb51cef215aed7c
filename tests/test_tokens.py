import datetime
import stat
from pathlib import Path

import pytest

from ergaomnes import tokens
from ergaomnes.cli import main
from ergaomnes.errors import BadParameter, TokenForbidden, TokenMissing, TokenRefused, UnknownToken
from ergaomnes.settings import Settings

FAR = datetime.date(2999, 1, 1)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "home")


def test_a_token_opens_what_its_role_opens_and_nothing_else(here: Settings) -> None:
    made, secret = tokens.create(here, "curator", "Anna", FAR)
    _, other = tokens.create(here, "contributor", "Boris", FAR)
    assert tokens.bearer(here, f"Bearer {secret}", "curator") == made
    assert tokens.bearer(here, f"bearer  {secret} ", "curator").label == "Anna"
    with pytest.raises(TokenForbidden):
        tokens.bearer(here, f"Bearer {other}", "curator")
    for nothing in ("", "  "):
        with pytest.raises(TokenMissing):
            tokens.bearer(here, nothing, "curator")
    for wrong in (secret, f"Basic {secret}", f"Bearer {secret}x", "Bearer", f"Bearer {'x' * 9999}"):
        with pytest.raises(TokenRefused) as refused:
            tokens.bearer(here, wrong, "curator")
        assert secret not in f"{refused.value} {refused.value.data}"


def test_only_the_hash_is_kept_and_only_the_owner_reads_it(here: Settings) -> None:
    _, secret = tokens.create(here, "curator", "Anna", FAR)
    tokens.create(here, "curator", "Boris", FAR)
    file = here.data_dir / "tokens.json"
    assert secret not in file.read_text()
    assert secret.removeprefix("ergaomnes_") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_token_that_is_over_or_revoked_opens_nothing(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    made, secret = tokens.create(here, "curator", "Anna", today)
    assert tokens.bearer(here, f"Bearer {secret}", "curator") == made
    monkeypatch.setattr(tokens, "_today", lambda: today + datetime.timedelta(days=1))
    with pytest.raises(TokenRefused):
        tokens.bearer(here, f"Bearer {secret}", "curator")
    monkeypatch.undo()
    tokens.revoke(here, "Anna")
    with pytest.raises(TokenRefused):
        tokens.bearer(here, f"Bearer {secret}", "curator")
    with pytest.raises(UnknownToken):
        tokens.revoke(here, "Anna")


@pytest.mark.parametrize(
    ("role", "label", "expires"),
    [
        ("king", "Anna", FAR),
        ("curator", " ", FAR),
        ("curator", "two\nlines", FAR),
        ("curator", "taken", FAR),
        ("curator", "Anna", datetime.date(2000, 1, 1)),
    ],
)
def test_what_makes_no_sense_makes_no_token(
    here: Settings, role: str, label: str, expires: datetime.date
) -> None:
    tokens.create(here, "curator", "taken", FAR)
    with pytest.raises(BadParameter):
        tokens.create(here, role, label, expires)
    assert len(tokens.listed(here)) == 1


def test_the_command_shows_a_token_once(
    here: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*typed: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["token", *typed])
        assert ended.value.code in (0, None)
        return capsys.readouterr().out

    monkeypatch.setenv("ERGAOMNES_DATA_DIR", str(here.data_dir))
    secret = said("create", "--label", "Anna", "--expires", "2999-01-01").strip()
    [kept] = tokens.listed(here)
    assert tokens.bearer(here, f"Bearer {secret}", "curator") == kept
    listed = said("list")
    assert "Anna" in listed
    assert secret not in listed
    assert kept.name in said("revoke", kept.name)
    assert "revoked" in said("list")
