"""What stands in service/deploy fits the service, and shuts it in."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ergaomnes.settings import Settings, meanings

FOLDER = Path(__file__).parent.parent / "service" / "deploy"
UNIT = (FOLDER / "ergaomnes.service").read_text("utf-8")
CONTAINER = (FOLDER / "Containerfile").read_text("utf-8")


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    named = set(re.findall(r"ERGAOMNES_[A-Z_]+", file.read_text("utf-8")))
    assert named
    assert named <= set(meanings())


def test_the_settings_that_are_proposed_fit() -> None:
    lines = (FOLDER / "ergaomnes.env").read_text("utf-8").replace("#ERGAOMNES", "ERGAOMNES")
    given = dict(line.split("=", 1) for line in lines.splitlines() if line.startswith("ERGAOMNES"))
    assert len(given) > 5
    Settings.from_environment(given)


def test_there_is_time_to_end_before_the_unit_is_killed() -> None:
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert int(seconds) > Settings().drain_time + Settings().notice_time + 5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_the_unit_is_valid_and_shut_in(tmp_path: Path) -> None:
    file = tmp_path / "ergaomnes.service"
    file.write_text(UNIT.replace("/opt/ergaomnes/bin/ergaomnes", "/bin/true"), "utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    secure = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(file)]
    exposure = subprocess.run(secure, capture_output=True, text=True, check=False)
    assert exposure.returncode == 0, exposure.stdout[-200:]


def test_the_container_runs_as_nobody_in_particular_and_tells_whether_it_lives() -> None:
    assert re.findall(r"^USER (.+)$", CONTAINER, re.MULTILINE) == ["10001:10001"]
    assert CONTAINER.index("USER ") < CONTAINER.index('CMD ["ergaomnes", "serve"]')
    assert "HEALTHCHECK" in CONTAINER
    assert not re.search(r"(?:FROM|BASE=)\s*\S*\.\S*/", CONTAINER)  # no registry is prescribed


def test_the_container_has_all_that_the_package_is_built_from() -> None:
    root = FOLDER.parent.parent
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert all((root / name).exists() for name in copied)
    included = re.findall(
        r'^"(\w+)" = "ergaomnes/', (root / "pyproject.toml").read_text("utf-8"), re.M
    )
    assert {*included, "service", "pyproject.toml", "README.md"} <= copied
