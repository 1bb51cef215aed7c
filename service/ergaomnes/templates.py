"""Pages from templates, their words in the language of the reader.

The templates are in `pages/`, their words in English there and translated in `locale/`, a gettext
catalogue for each other language. Catalogues are read as they are written: nothing is compiled.
"""

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.filters import do_striptags

from ergaomnes import assets, drawing, media
from ergaomnes.terms import prefixes
from ergaomnes.thing import path_of

LANGUAGES = ("en", "fr", "ru")
"""The languages of the pages, the first for readers of any other."""
STATIC = "/static/"
_SERVED = {
    "site.css": "text/css",
    "site.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_DOMAIN = "ergaomnes"


class Templates:
    """The pages, a set for each language."""

    def __init__(self) -> None:
        folder = resources.files(_DOMAIN).joinpath("pages")
        self.files = {
            name: (kind, folder.joinpath(name).read_bytes()) for name, kind in _SERVED.items()
        }
        self.files["drawing.css"] = ("text/css", drawing.stylesheet().encode())
        """What the pages refer to: the media type and the content by the name of the file."""
        self._sets = {lang: self._made(lang) for lang in LANGUAGES}

    def page(self, name: str, lang: str, root: str, values: Mapping[str, object]) -> str:
        """Fill in a template; `root` is the path below which the service stands."""
        template, filled = self._filled(name, lang, root, values)
        return template.render(filled)

    def block(
        self, name: str, lang: str, root: str, values: Mapping[str, object], *, block: str
    ) -> str:
        """Fill in one block of a template, and give its words without the markup."""
        template, filled = self._filled(name, lang, root, values)
        made = "".join(template.blocks[block](template.new_context(filled)))
        return do_striptags(made)

    def has(self, name: str) -> bool:
        """Tell whether there is a template of this name."""
        return resources.files(_DOMAIN).joinpath("pages", name).is_file()

    def _filled(
        self, name: str, lang: str, root: str, values: Mapping[str, object]
    ) -> tuple[Template, dict[str, object]]:
        interface = lang if lang in self._sets else LANGUAGES[0]
        shared = {"root": root, "lang": lang, "interface": interface, "trail": f"?lang={interface}"}
        return self._sets[interface].get_template(name), shared | dict(values)

    def address(self, name: str) -> str:
        """Give the path of a file, another one whenever its content is."""
        return f"{STATIC}{name}?{hashlib.sha256(self.files[name][1]).hexdigest()[:12]}"

    def _made(self, lang: str) -> Environment:
        made = Environment(
            loader=PackageLoader(_DOMAIN, "pages"),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.install_gettext_translations(translations(lang), newstyle=True)  # type: ignore[attr-defined]
        made.filters["short"] = prefixes().short
        made.filters["path"] = lambda iri: path_of(prefixes().base, iri)
        made.globals["static"] = self.address
        made.globals["vendored"] = assets.url
        made.globals["third_party"] = assets.ADDRESS + assets.LICENCES if assets.present() else ""
        return made


@cache
def translations(lang: str) -> Translations:
    """Give the words of a language; those of English stand in the templates."""
    file = resources.files(_DOMAIN).joinpath(f"locale/{lang}.po")
    if not file.is_file():
        return Translations()
    compiled = io.BytesIO()
    with file.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=lang))
    compiled.seek(0)
    return Translations(compiled)


def language_of(fields: Mapping[str, str], asked: str | None) -> str:
    """Give the language of a page: the one that is asked for, or that the fields prefer."""
    return media.language(asked or "", fields.get("accept-language", ""), LANGUAGES)


def root_of(scope: Mapping[str, Any]) -> str:
    """Give the path below which the service stands, without a slash at its end."""
    root: str = scope.get("root_path", "")
    return root.rstrip("/")
