"""What the build takes from npm: made or left out, never half; and what it does in a browser."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from playwright.sync_api import Browser, expect

import browser as real
from ergaomnes import drawing
from ergaomnes.assets import FOLDER, Assets, assets
from ergaomnes.drawing import Act, Mark, Node, Picture, Place, Row, Span
from ergaomnes.errors import AssetMissing
from ergaomnes.operations import SCRIPTED
from ergaomnes.routes import assets as route
from serving import served

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "service/frontend"
VOCABULARY = {
    "prefixes": {"erga": "https://w3id.org/ergaomnes/def/"},
    "terms": [{"name": "erga:holdsFrom", "label": "holds from", "kind": "property", "note": "x"}],
}
WORDS = {standing: standing for standing in drawing.STANDINGS}
needs_assets = pytest.mark.skipif(
    not assets().present and not os.environ.get("CI"), reason="built without npm"
)


# the build


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as small as can be, with our build hook."""
    shutil.copytree(SOURCES, tmp_path / "service/frontend")
    (tmp_path / "service/ergaomnes").mkdir()
    (tmp_path / "service/ergaomnes/__init__.py").write_text("", "utf-8")
    (tmp_path / ".gitignore").write_text("service/ergaomnes/static/vendor/\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "trial"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["service/ergaomnes"]\n'
        '[tool.hatch.build.targets.wheel.hooks.custom]\npath = "service/frontend/build_hook.py"\n',
        "utf-8",
    )
    return tmp_path


def wheel(project: Path, wish: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the wheel of a project, where npm finds no registry and has kept nothing."""
    closed = {
        "ERGAOMNES_FRONTEND": wish,
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_cache": str(project / "npm-cache"),
        "npm_config_fetch_retries": "0",
    }
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=project,
        env=os.environ | closed | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def vendored(project: Path) -> list[str]:
    """Name the files of the wheel that the hook made."""
    (made,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        return [Path(name).name for name in archive.namelist() if "/static/vendor/" in name]


def laid(project: Path, *, current: bool) -> Path:
    """Lay assets into a project as an earlier build would have left them."""
    folder = project / "service/ergaomnes/static/vendor"
    folder.mkdir(parents=True)
    (folder / "assets.json").write_text('{"served": {}}', "utf-8")
    if current:
        shutil.copy(FOLDER / "sources.sha256", folder)
    return folder


def test_without_npm_the_package_is_built_all_the_same_with_what_there_was(project: Path) -> None:
    laid(project, current=False)
    done = wheel(project)
    assert done.returncode == 0, done.stderr
    assert "Built without the editor, the map and the fonts" in done.stderr + done.stdout
    assert vendored(project) == ["assets.json"]


def test_an_absent_node_does_not_stop_the_build_and_is_named(project: Path) -> None:
    done = wheel(project, PATH=str(project))
    assert done.returncode == 0, done.stderr
    assert "there is no Node 20 or newer" in done.stderr + done.stdout
    assert vendored(project) == []


def test_where_the_assets_are_required_their_absence_fails_the_build(project: Path) -> None:
    done = wheel(project, "require")
    assert done.returncode != 0
    assert "npm" in done.stderr or "no Node" in done.stderr
    assert not list(project.glob("dist/*.whl"))


@needs_assets
def test_assets_of_the_same_sources_are_not_made_again(project: Path) -> None:
    laid(project, current=True)
    done = wheel(project, "require")
    assert done.returncode == 0, done.stderr
    assert sorted(vendored(project)) == ["assets.json", "sources.sha256"]


def test_a_wish_that_is_none_is_told(project: Path) -> None:
    done = wheel(project, "maybe")
    assert done.returncode != 0
    assert "it may be require or skip" in done.stderr


def test_npm_is_asked_for_nothing_where_it_is_not_wished(project: Path) -> None:
    done = wheel(project, "skip")
    assert done.returncode == 0
    assert "Built without" not in done.stderr + done.stdout
    assert not (project / "npm-cache").exists()


def test_the_lock_names_no_host_and_holds_each_package_to_its_content() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 20
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


# what was made


@needs_assets
def test_the_licence_of_every_package_in_the_bundles_goes_with_them() -> None:
    said = (FOLDER / "THIRD-PARTY.txt").read_text("utf-8")
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    free = ("MIT", "ISC", "BSD", "Apache", "OFL", "0BSD")
    for name, entry in lock["packages"].items():
        package = name.removeprefix("node_modules/")
        if not package or package == "esbuild" or package.startswith("@esbuild/"):
            continue
        assert f"{package} {entry['version']} (" in said
        assert any(licence in entry["license"] for licence in free), (package, entry["license"])
    assert "SIL OPEN FONT LICENSE" in said.upper()
    assert "Permission is hereby granted" in said


@needs_assets
def test_each_file_for_browsers_is_named_after_its_content() -> None:
    known = assets().served
    assert {"sparql.js", "fonts.css"} <= set(known)
    for file in known.values():
        digest = hashlib.sha256((FOLDER / file).read_bytes()).hexdigest()[:12]
        assert f"-{digest}." in file


@needs_assets
@pytest.mark.parametrize(
    "file", ["world.json", "../errors.py", "assets.json", "", ".", "sparql.js", "x" * 500]
)
def test_nothing_else_of_the_folder_is_given_to_browsers(file: str) -> None:
    with pytest.raises(AssetMissing):
        assets().served_as(file)


def test_without_assets_pages_are_told_so(tmp_path: Path) -> None:
    none = Assets(tmp_path / "none")
    assert not none.present
    assert none.url("sparql.js") == ""
    assert not none.has("world.json")
    with pytest.raises(AssetMissing, match=r"world\.json"):
        none.kept("world.json")


# in a browser


def pictures() -> str:
    def named(name: str) -> Picture:
        return Picture(name, name.title(), "Told.", "Source: depositaries, as at 2026-02-03")

    span = Span("bound", date(1998, 5, 5), None, "bound", "/x")
    shown = [
        drawing.timeline(
            named("timeline"),
            [Row("CAT", [span], [Act(date(1998, 5, 5), "ratified", "/y")], "/cat")],
            legend=WORDS,
            end=date(2026, 1, 1),
            on=Mark(date(2025, 1, 1), "asked"),
        ),
        drawing.neighbourhood(
            named("near"),
            "Russia",
            [drawing.Group("is bound by", [Node("a", 0, "CAT", "/cat")])],
        ),
    ]
    if drawing.has_map():
        place = Place("FRA", "France", "bound", href="/state/fra")
        shown.append(drawing.world_map(named("map"), [place], legend=WORDS, disputed="No opinion."))
    return "".join(f'<div class="picture" tabindex="0" role="group" aria-label="{n}">{svg}</div>'
                   for n, svg in enumerate(shown))  # fmt: skip


def trial() -> FastAPI:
    """A service of two pages, as strict as ours."""
    made = FastAPI()
    made.include_router(route.router(assets()))

    def page(title: str, body: str) -> HTMLResponse:
        whole = (
            f"<!doctype html><html lang=en><head><title>{title}</title>"
            '<meta name="viewport" content="width=device-width"><link rel=icon href=/icon.svg>'
            f"<link rel=stylesheet href=/drawing.css></head><body><main><h1>{title}</h1>{body}"
            "</main></body></html>"
        )
        return HTMLResponse(whole, headers={"Content-Security-Policy": SCRIPTED})

    @made.get("/drawing.css")
    async def sheet() -> HTMLResponse:
        return HTMLResponse(drawing.stylesheet(), headers={"Content-Type": "text/css"})

    @made.get("/icon.svg")
    async def icon() -> Response:
        return Response('<svg xmlns="http://www.w3.org/2000/svg"/>', media_type="image/svg+xml")

    @made.get("/pictures")
    async def drawn() -> HTMLResponse:
        return page("Pictures", pictures())

    @made.get("/vocab.json")
    async def vocabulary() -> JSONResponse:
        return JSONResponse(VOCABULARY)

    @made.get("/editor")
    async def editor(request: Request) -> HTMLResponse:
        asked = escape(request.query_params.get("query", "SELECT ?s WHERE { }"))
        return page(
            "Editor",
            f"<p id=asked>{asked}</p><form action=/editor><label for=q>Query</label>"
            f"<textarea id=q name=query rows=10 cols=30 data-sparql-editor>{asked}</textarea>"
            "<button>Ask</button></form>"
            f'<script type=module src="{assets().url("sparql.js")}"></script>',
        )

    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with real.opened() as made:
        yield made


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    with served(trial()) as url:
        yield url


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_accessible_quiet_and_within_their_window(
    dark: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, dark=dark) as tab:
        tab.page.goto("/pictures")
        tab.check()
        ring = tab.page.locator("#timeline-title ~ g text, svg text").first
        colour = ring.evaluate("node => getComputedStyle(node).fill")
        assert colour == ("rgb(233, 231, 225)" if dark else "rgb(29, 29, 27)")


def test_texts_are_no_wider_in_a_browser_than_they_were_measured(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home) as tab:
        tab.page.goto("/pictures")
        beyond = tab.page.evaluate(
            "[...document.querySelectorAll('svg text')].filter(one => {"
            " const box = one.getBBox(), view = one.ownerSVGElement.viewBox.baseVal;"
            " return box.x < 0 || box.x + box.width > view.width }).map(one => one.textContent)"
        )
        assert beyond == []


@needs_assets
def test_files_of_the_build_are_kept_for_ever_by_browsers(home: str) -> None:
    answer = httpx.get(home + assets().url("sparql.js"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    licences = httpx.get(f"{home}/static/vendor/THIRD-PARTY.txt")
    assert licences.headers["cache-control"] == "public, max-age=86400"


@needs_assets
def test_the_editor_writes_into_the_form_completes_and_sends_under_a_strict_policy(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/editor")
        content = page.locator(".cm-content")
        expect(content).to_have_attribute("aria-label", "Query")
        expect(page.locator("#q")).to_be_hidden()
        tab.check()
        keyword = page.locator(".cm-line span").first
        colour = keyword.evaluate("node => getComputedStyle(node).color")
        assert colour == "rgb(31, 63, 122)"
        content.click()
        page.keyboard.press("Control+End")
        page.keyboard.press("Enter")
        page.keyboard.type("?s erga:hol")
        option = page.locator(".cm-tooltip-autocomplete li").first
        expect(option).to_contain_text("erga:holdsFrom")
        page.wait_for_timeout(150)  # the editor takes no choice that comes at once
        page.keyboard.press("Enter")
        expect(content).to_contain_text("?s erga:holdsFrom")
        tab.check()
        page.keyboard.press("Control+Enter")
        expect(page.locator("#asked")).to_contain_text("?s erga:holdsFrom")
        assert tab.faults == []


@needs_assets
def test_an_example_that_a_page_writes_into_the_field_appears_in_the_editor(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home) as tab:
        tab.page.goto("/editor")
        expect(tab.page.locator(".cm-content")).to_be_visible()
        tab.page.evaluate(
            "document.querySelector('#q').value = 'ASK { ?a ?b ?c }';"
            "document.querySelector('#q').dispatchEvent(new Event('input'))"
        )
        expect(tab.page.locator(".cm-content")).to_contain_text("ASK { ?a ?b ?c }")


def test_without_scripts_the_field_is_a_plain_one(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        tab.page.goto("/editor")
        tab.page.fill("#q", "ASK {}")
        tab.page.click("button")
        expect(tab.page.locator("#asked")).to_have_text("ASK {}")
