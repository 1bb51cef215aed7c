"""Pages of panels: what a file of `queries/pages/` describes, as HTML, as a picture, as a card."""

import asyncio
import datetime
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ergaomnes import drawing
from ergaomnes.endpoint import address
from ergaomnes.errors import BadParameter, UnknownPanel, UnknownPicture, near
from ergaomnes.illustrating import PICTURES, Canvas
from ergaomnes.links import Links
from ergaomnes.panels import DAY, Asked, Choice, Panel, Panels
from ergaomnes.plans import Layout, Plan, Words, said
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of
from ergaomnes.thing import FORMATS, Things

ON = "on"
"""The field of an address that is the day of a page."""
FACTS = "facts"
"""The view that lists all facts of a thing; it is also what programs get."""
EMBED = "/embed"
CARD = "/card"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLUG = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
_PLAIN = "paneled.html"
_EMBEDDED = "embedded.html"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks of a page."""

    fields: Mapping[str, str]
    """The fields of its address; one that may be given several times has commas between."""
    lang: str
    links: Links
    home: str
    """The public address of the service."""
    today: datetime.date

    @property
    def root(self) -> str:
        """Give the path below which the service stands."""
        return self.links.root


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page is about: a thing of ours, or what its file says."""

    name: str
    lang: str
    path: str
    iri: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A page of panels that were asked."""

    layout: Layout
    subject: Subject
    wish: Wish
    on: datetime.date
    asked: Asked
    days: Sequence[datetime.date] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    """The fields of its address but for the day and the language."""
    choices: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    """What can be chosen for a field."""

    def at(
        self, day: datetime.date | None = None, lang: str = "", given: Words | None = None
    ) -> str:
        """Give the address of this page on a day, in a language, with other fields."""
        changed = {**self.given, **(given or {})}
        pairs = {name: text for name, text in changed.items() if text and name != self.layout.of}
        if self.layout.day:
            pairs[ON] = (day or self.on).isoformat()
        pairs["lang"] = lang or self.wish.lang
        return f"{self.wish.root}{self.subject.path}?{_typed(pairs)}"

    @property
    def canonical(self) -> str:
        """Give the address under which search engines know this page: it is as at today."""
        pairs = {name: value for name, value in self.given.items() if name != self.layout.of}
        if self.wish.links.lang:
            pairs["lang"] = self.wish.lang
        address = self.wish.home + self.subject.path
        return f"{address}?{_typed(pairs)}" if pairs else address

    def embedded(self, panel: Panel, suffix: str = "") -> str:
        """Give the address of one panel by itself, or of its picture."""
        pairs = dict(self.given)
        if self.layout.day:
            pairs[ON] = self.on.isoformat()
        pairs["lang"] = self.wish.lang
        place = f"{self.wish.root}{EMBED}/{self.layout.name}/{panel.name}{suffix}"
        return f"{place}?{_typed(pairs)}"


class Views:
    """Makes pages of panels."""

    def __init__(self, things: Things, panels: Panels, templates: Templates) -> None:
        self.things = things
        self.panels = panels
        self.templates = templates
        self.plans = panels.plans
        self.prefixes = things.prefixes

    def wish(
        self,
        page: str,
        pairs: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        scope: MutableMapping[str, Any],
        slug: str = "",
    ) -> Wish:
        """Read what is asked of a page, or of a part of it, from the query and the headers."""
        layout = self.plans.pages.get(page)
        found: dict[str, list[str]] = {}
        for name, text in pairs:
            found.setdefault(name, []).append(text)
        taken = (*((*layout.fields, *layout.flags) if layout else ()), ON)
        fields = {name: ",".join(filter(None, found.get(name, ()))) for name in taken}
        if slug and layout:
            fields[layout.of] = slug
        asked = found.get("lang", [""])[-1]
        lang = language_of(headers, asked)
        chosen = lang if asked in LANGUAGES else ""
        links = Links(self.prefixes, root_of(scope), chosen, fields[ON])
        today = datetime.datetime.now(datetime.UTC).date()
        return Wish(fields, lang, links, address(scope), today)

    async def view(self, name: str, wish: Wish) -> View | None:
        """Ask what a page shows; nothing where the thing that it is of has no such page.

        Raises UnknownThing where there is no such thing.
        """
        layout = self.plans.pages[name]
        subject = await self._subject(layout, wish)
        if subject is None:
            return None
        choices = await self._choices(layout, wish.lang)
        wish = replace(wish, fields=_chosen(wish.fields, choices))
        chosen = () if any(not wish.fields.get(one) for one in layout.needs) else layout.panels
        view = await self._view(layout, subject, chosen, wish)
        view = replace(view, choices=choices)
        if layout.of and not view.asked.panels[0].rows:
            return None
        return view

    def page(self, view: View, **values: object) -> str:
        """Show a page."""
        return self.templates.page(*self._filled(view, values))

    async def panel(self, name: str, panel: str, wish: Wish) -> str:
        """Show one panel of a page as a document of its own, fit to stand within another's."""
        view = await self._one(name, panel, wish)
        return self.templates.page(
            _EMBEDDED, wish.lang, wish.root, self._filled(view, {})[-1] | {"plain": True}
        )

    async def picture(self, name: str, panel: str, wish: Wish) -> str:
        """Draw the picture of one panel as a document of its own, with its source and day."""
        view = await self._one(name, panel, wish)
        drawn = self._drawn(view, view.asked[panel], headed=True)
        if not drawn:
            raise UnknownPicture(panel)
        return drawn

    async def card(self, name: str, wish: Wish) -> str:
        """Draw what others show of a page: its title and its first sentence."""
        layout = self.plans.pages.get(name)
        if layout is None or (layout.of and not wish.fields[layout.of]):
            raise UnknownPicture(name[:100])
        view = await self.view(name, wish)
        if view is None:
            raise UnknownPicture(name)
        sentence = self.templates.block(*self._filled(view, {}), block="lead")
        picture = drawing.Picture(
            "card", view.subject.name, sentence, self._source(view), lang=wish.lang
        )
        return drawing.card(picture, sentence)

    async def _one(self, name: str, panel: str, wish: Wish) -> View:
        layout = self.plans.pages.get(name)
        known = {one.name: one for one in layout.panels} if layout else {}
        if layout is None or panel not in known:
            every = [f"{page.name}/{one.name}" for page in self._pages() for one in page.panels]
            raise UnknownPanel(f"{name}/{panel}"[:100], near(f"{name}/{panel}"[:100], every))
        needed = (*([layout.of] if layout.of else []), *layout.needs)
        if lacking := next((one for one in needed if not wish.fields.get(one)), ""):
            raise BadParameter(lacking, "", "this panel is about one, and none is named")
        subject = await self._subject(layout, wish)
        if subject is None:
            raise UnknownPanel(f"{name}/{panel}", ())
        choices = await self._choices(layout, wish.lang)
        wish = replace(wish, fields=_chosen(wish.fields, choices))
        return await self._view(layout, subject, (known[panel],), wish)

    def _pages(self) -> Sequence[Layout]:
        return tuple(self.plans.pages.values())

    async def _subject(self, layout: Layout, wish: Wish) -> Subject | None:
        if not layout.of:
            title = said(layout.title, wish.lang)
            return Subject(title, wish.lang, layout.at)
        slug = wish.fields[layout.of]
        if not _SLUG.fullmatch(slug):
            return None
        iri = self.prefixes[layout.of] + slug
        known = await self.things.known(iri, wish.lang)
        if known.replacement or known.name is None:
            return None
        path = Links(self.prefixes)(iri)
        return Subject(known.name.value, known.name.language, path, iri)

    async def _choices(self, layout: Layout, lang: str) -> dict[str, Sequence[Choice]]:
        return {
            name: await self.panels.choices(question, lang)
            for name, question in layout.choices.items()
        }

    async def _view(
        self, layout: Layout, subject: Subject, chosen: Sequence[Plan], wish: Wish
    ) -> View:
        on = _day(wish.fields.get(ON, ""), wish.today)
        asked_for = (*layout.fields, *layout.flags)
        given = {name: text for name in asked_for if name != ON and (text := wish.fields.get(name))}
        parameters = {
            layout.fields[name]: text for name, text in given.items() if name in layout.fields
        }
        if layout.day:
            parameters |= {DAY: on.isoformat(), layout.takes.get(ON, DAY): on.isoformat()}
        asked = self.panels.of(chosen, parameters, wish.lang, wish.links)
        if not layout.days:
            return View(layout, subject, wish, on, await asked, (), given)
        found, days = await asyncio.gather(asked, self.panels.days(layout.days, parameters))
        return View(layout, subject, wish, on, found, days, given)

    def _filled(
        self, view: View, values: Mapping[str, object]
    ) -> tuple[str, str, str, dict[str, object]]:
        """Give a template and all that it is filled with."""
        wish, layout, subject = view.wish, view.layout, view.subject
        own = f"{layout.name}.html"
        filled: dict[str, object] = {
            "page": layout,
            "name": subject.name,
            "name_lang": subject.lang,
            "iri": subject.iri,
            "slug": view.given.get(layout.of, ""),
            "here": wish.root + subject.path,
            "counts": self._counts(view),
            "lead_words": said(layout.lead, wish.lang),
            "given": view.given,
            "choices": view.choices,
            "with": {name: view.at(given={name: "1"}) for name in layout.flags},
            "without": {name: view.at(given={name: ""}) for name in layout.flags},
            "panels": view.asked.panels,
            "sources": view.asked.sources,
            "addresses": {one.name: self._addresses(view, one) for one in view.asked.panels},
            "pictures": {one.name: self._drawn(view, one) for one in view.asked.panels},
            "on": view.on.isoformat(),
            "is_today": view.on == wish.today,
            "today": view.at(wish.today),
            "before": next(
                ((day, view.at(day)) for day in reversed(view.days) if day < view.on), None
            ),
            "after": next(((day, view.at(day)) for day in view.days if day > view.on), None),
            "canonical": view.canonical,
            "permanent": wish.home + view.at().removeprefix(wish.root),
            "card": self._card(view) if drawing.can_png() else "",
            "described": self._described(view),
            "languages": [(one, view.at(lang=one)) for one in LANGUAGES],
            "formats": [
                (one.name, f"{wish.root}{subject.path}?format={one.name}") for one in FORMATS
            ]
            if layout.of
            else [],
            "facts": f"{wish.root}{subject.path}?view={FACTS}",
        }
        template = own if self.templates.has(own) else _PLAIN
        return template, wish.lang, wish.root, filled | dict(values)

    def _card(self, view: View) -> str:
        pairs = {**view.given, ON: view.on.isoformat(), "lang": view.wish.lang}
        return f"{view.wish.home}{CARD}/{view.layout.name}.png?{_typed(pairs)}"

    def _counts(self, view: View) -> dict[str, Counter[str]]:
        """Count what the first panel answers in words of its own."""
        if not view.asked.panels:
            return {}
        table = view.asked.panels[0].table
        chips = self.plans.chips & set(table.columns)
        return {one: Counter(map(str, table.column(one))) for one in chips}

    def _addresses(self, view: View, panel: Panel) -> dict[str, str]:
        found = panel.addresses(view.wish.root)
        if view.layout.of or view.layout.at:
            found["embed"] = view.embedded(panel)
        if panel.plan.picture and "embed" in found:
            found["svg"] = view.embedded(panel, ".svg")
            if drawing.can_png():
                found["png"] = view.embedded(panel, ".png")
        return found

    def _drawn(self, view: View, panel: Panel, *, headed: bool = False) -> str:
        plan, wish = panel.plan, view.wish
        if not plan.picture:
            return ""
        title = f"{view.subject.name}: {panel.title}" if headed else panel.title
        says = said(plan.picture_says, wish.lang)
        picture = drawing.Picture(
            panel.name, title, says, self._source(view), lang=wish.lang, headed=headed
        )
        # What is taken away leads back to where it is from.
        links = replace(wish.links, root=wish.home) if headed else wish.links
        legend = self.panels.words(self.plans.values, wish.lang)
        phrases = {name: said(words, wish.lang) for name, words in self.plans.phrases.items()}
        canvas = Canvas(picture, view.on, legend, panel.names, links, phrases)
        return PICTURES[plan.picture](panel.table, canvas)

    def _source(self, view: View) -> str:
        words = said(self.plans.phrases["picture_source"], view.wish.lang)
        address = view.wish.home + view.subject.path
        return words.format(day=view.on.isoformat(), address=address)

    def _described(self, view: View) -> dict[str, Any]:
        """Describe the page to search engines, https://schema.org/WebPage."""
        wish, home = view.wish, view.wish.home
        about: dict[str, Any] = {}
        if view.subject.iri:
            kind = view.layout.schema or "Thing"
            about = {
                "about": {"@type": kind, "@id": view.subject.iri, "name": view.subject.name},
            }
        return {
            "@context": "https://schema.org",
            "@type": "WebPage",
            "@id": home + view.at().removeprefix(wish.root),
            "name": view.subject.name,
            "inLanguage": wish.lang,
            "isPartOf": {"@type": "Dataset", "@id": self.prefixes["id"] + "dataset"},
            **about,
            "hasPart": [
                {
                    "@type": "Dataset",
                    "name": f"{view.subject.name}: {one.title}",
                    "temporalCoverage": view.on.isoformat(),
                    "distribution": [
                        {
                            "@type": "DataDownload",
                            "encodingFormat": kind,
                            "contentUrl": home + one.addresses("")[name],
                        }
                        for name, kind in (("csv", "text/csv"), ("json", "application/json"))
                    ],
                }
                for one in view.asked.panels
            ],
        }


def _chosen(
    fields: Mapping[str, str], choices: Mapping[str, Sequence[Choice]]
) -> Mapping[str, str]:
    """Put what stands in an address for each name that was typed; raise for what is no choice."""
    found = dict(fields)
    for name, known in choices.items():
        called = {
            text.casefold(): one for one in known for text in (one.english, one.name, one.slug)
        }
        slugs = []
        for typed in filter(None, (one.strip() for one in fields.get(name, "").split(","))):
            if typed.casefold() not in called:
                others = [called[one].name for one in near(typed.casefold(), called)]
                why = "it is none of those that can be chosen"
                raise BadParameter(
                    name, typed[:60], f"{why}; near to it: {', '.join(others)}" if others else why
                )
            slugs.append(called[typed.casefold()].slug)
        found[name] = ",".join(dict.fromkeys(slugs))
    return found


def _typed(pairs: Mapping[str, str]) -> str:
    return urllib.parse.urlencode(pairs, safe=":,/")


def _day(text: str, today: datetime.date) -> datetime.date:
    if not text:
        return today
    try:
        if _DATE.fullmatch(text):
            return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise BadParameter(ON, text[:40], "it is a day, written YYYY-MM-DD")
