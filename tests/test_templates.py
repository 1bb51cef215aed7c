"""The words of the pages are there in each language, with what is filled into them."""

import re
from importlib import resources

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from ergaomnes.templates import LANGUAGES, Templates, translations

FOLDER = resources.files("ergaomnes")
FILLED = re.compile(r"%\((\w+)\)s")


def wanted() -> set[str | tuple[str, ...]]:
    """Give every message that a template has."""
    found = extract_from_dir(
        str(FOLDER / "pages"),
        method_map=[("**.html", "jinja2")],
        options_map={"**.html": {"newstyle_gettext": "true"}},
        keywords={"_": None, "ngettext": (1, 2)},
    )
    return {message for _, _, message, _, _ in found}


@pytest.mark.parametrize("lang", [one for one in LANGUAGES if one != "en"])
def test_every_message_is_translated_and_nothing_else(lang: str) -> None:
    with (FOLDER / f"locale/{lang}.po").open("rb") as stream:
        catalogue = read_po(stream, locale=lang)
    messages = [one for one in catalogue if one.id]
    assert {one.id for one in messages} == wanted()
    for one in messages:
        said = one.string if isinstance(one.string, tuple) else (one.string,)
        assert len(said) == (catalogue.num_plurals if one.pluralizable else 1)
        assert not one.fuzzy
        for text in map(str, said):
            assert text
            assert set(FILLED.findall(text)) == set(FILLED.findall(str(one.id)))


def test_no_word_of_a_template_stands_outside_the_catalogue() -> None:
    outside = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)
    attribute = re.compile(r'\b[\w-]+="[^"]*"')
    names = {"Erga Omnes", "derived", "CSV", "JSON", "SPARQL", "Atom", "RDF Patch", "SHA", "UTC"}
    for file in (FOLDER / "pages").iterdir():
        if not file.name.endswith(".html"):
            continue
        left = attribute.sub(" ", outside.sub(" ", file.read_text("utf-8")))
        for name in names:
            left = left.replace(name, "")
        assert re.findall(r"[^\W\d_]{2,}", left) == [], file.name


def test_plurals_are_those_of_the_language() -> None:
    words = ("%(num)s violation", "%(num)s violations")
    said = {n: translations("ru").ungettext(*words, n) for n in (1, 2, 5, 21)}
    assert len(set(said.values())) == 3
    assert said[1] == said[21]


def test_a_reader_of_another_language_gets_the_pages_in_english() -> None:
    told = {"kind": {"type": "t", "title": "T", "status": 400, "detail": "d"}}
    assert '<html lang="en">' in Templates().page("kind.html", "ar", "", told)
    assert '<html lang="fr">' in Templates().page("kind.html", "fr", "", told)
