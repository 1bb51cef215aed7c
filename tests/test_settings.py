from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from ergaomnes.errors import BadSetting, UnknownSetting
from ergaomnes.settings import Settings, meanings, variable


def test_settings_come_from_variables_with_our_prefix_and_no_others() -> None:
    made = Settings.from_environment(
        {"ERGAOMNES_TIME_LIMIT": "2.5", "ERGAOMNES_READERS": "4", "TIME_LIMIT": "9"}
    )
    assert (made.time_limit, made.readers) == (2.5, 4)


def test_paths_are_read_with_the_home_folder_in_full() -> None:
    made = Settings.from_environment({"ERGAOMNES_DATA_DIR": "~/graph"})
    assert made.data_dir == Path.home() / "graph"


def test_without_variables_the_defaults_stand() -> None:
    assert Settings.from_environment({}) == Settings()


def test_a_misspelt_setting_is_named_with_the_near_ones() -> None:
    with pytest.raises(UnknownSetting) as caught:
        Settings.from_environment({"ERGAOMNES_TIMELIMIT": "2"})
    assert "ERGAOMNES_TIME_LIMIT" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ERGAOMNES_TIME_LIMIT", "soon"),
        ("ERGAOMNES_TIME_LIMIT", "0"),
        ("ERGAOMNES_TIME_LIMIT", "nan"),
        ("ERGAOMNES_READERS", "0"),
        ("ERGAOMNES_READERS", "1.5"),
        ("ERGAOMNES_PORT", "70000"),
        ("ERGAOMNES_SPARES", "-1"),
        ("ERGAOMNES_DATA_DIR", " "),
        ("ERGAOMNES_LOG_FORMAT", "xml"),
        ("ERGAOMNES_PUBLIC_URL", "graph.example.org"),
        ("ERGAOMNES_PUBLIC_URL", "https://graph.example.org/path"),
        ("ERGAOMNES_PUBLIC_URL", "https://graph.example.org/\r\nX: y"),
        ("ERGAOMNES_FORWARDED_ALLOW_IPS", "proxy.example.org"),
        ("ERGAOMNES_WORKERS", "0"),
        ("ERGAOMNES_DRAIN_TIME", "0"),
        ("ERGAOMNES_NOTICE_TIME", "-1"),
        ("ERGAOMNES_QUICK_TIME", "0"),
    ],
)
def test_a_value_that_does_not_fit_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.from_environment({name: value})


def test_the_settings_of_a_proxy_are_taken() -> None:
    made = Settings.from_environment(
        {
            "ERGAOMNES_PUBLIC_URL": "https://[2001:db8::1]:8443",
            "ERGAOMNES_FORWARDED_ALLOW_IPS": "127.0.0.1, 10.0.0.0/8,2001:db8::/32",
            "ERGAOMNES_LOG_FORMAT": "text",
        }
    )
    assert made.public_url == "https://[2001:db8::1]:8443"
    assert Settings.from_environment({"ERGAOMNES_FORWARDED_ALLOW_IPS": "*"})


def test_settings_cannot_be_changed_after_they_are_made() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]  # that it cannot is the point


def test_every_setting_has_one_line_of_meaning() -> None:
    assert set(meanings()) == {variable(item.name) for item in fields(Settings)}
    assert all(line and "\n" not in line for line in meanings().values())
