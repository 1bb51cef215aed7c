"""Pictures: every datum is there once, texts keep apart, and nothing hostile gets through."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ergaomnes import drawing
from ergaomnes.drawing import (
    Act,
    Bar,
    Column,
    Group,
    Heading,
    Mark,
    MatrixRow,
    Node,
    Picture,
    Place,
    Row,
    Series,
    Span,
    Step,
)
from ergaomnes.drawing.palette import INKS, LOOKS, slug
from ergaomnes.drawing.svg import width_of
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine

SVG = "{http://www.w3.org/2000/svg}"
WORDS = {standing: standing.capitalize() for standing in drawing.STANDINGS}
PICTURE = Picture("rus", "Russia", "What binds it.", "Source: depositaries, as at 2026-02-03", "en")
ROWS: list[Row | Heading] = [
    Heading("Council of Europe"),
    Row(
        "ECHR",
        [
            Span("bound", date(1998, 5, 5), date(2022, 9, 16), "bound from 1998-05-05"),
            Span("left", date(2022, 9, 16), None, "left from 2022-09-16"),
        ],
        [
            Act(date(1996, 2, 28), "signature"),
            Act(date(1998, 5, 5), "ratification", "/action/x"),
            Act(date(2022, 9, 16), "membership ended", ends=True),
        ],
        "/instrument/echr",
    ),
    Row("ECPT", [Span("uncertain", date(2026, 10, 1), None, "may have ended", starts_unsure=True)]),
]


def read(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def titles(svg: str) -> list[str]:
    """What each datum of a picture is called."""
    return [
        group.findtext(f"{SVG}title") or ""
        for group in read(svg).iter()
        if group.get("class") == "datum"
    ]


def boxes(svg: str) -> list[tuple[float, float, float, float, str]]:
    """Where the texts of a picture stand, by the widest of the usual fonts."""
    found = []
    for node in read(svg).iter(f"{SVG}text"):
        size, x, y = (float(node.get(name, "0")) for name in ("font-size", "x", "y"))
        words = node.text or ""
        wide = width_of(words, size)
        left = {"end": x - wide, "middle": x - wide / 2}.get(node.get("text-anchor", ""), x)
        found.append((left, y - size * 0.8, left + wide, y + size * 0.22, words))
    return found


def overlapping(svg: str) -> list[tuple[str, str]]:
    texts = boxes(svg)
    return [
        (one[4], other[4])
        for place, one in enumerate(texts)
        for other in texts[place + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]


def outside(svg: str) -> list[str]:
    _, _, width, height = (float(part) for part in read(svg).get("viewBox", "").split())
    return [
        box[4]
        for box in boxes(svg)
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height
    ]


def drawn_timeline(rows: Sequence[Row | Heading] = ROWS, picture: Picture = PICTURE) -> str:
    return drawing.timeline(
        picture,
        rows,
        legend=WORDS,
        end=date(2026, 12, 31),
        on=Mark(date(2026, 10, 1), "1 October 2026"),
    )


def test_a_picture_says_what_it_is_in_which_language_by_whom_and_as_at_which_day() -> None:
    root = read(drawn_timeline())
    named = {node.get("id"): node.text for node in root.iter() if node.get("id")}
    assert root.get("role") == "graphics-document"  # it has links in it
    assert read(drawing.bars(PICTURE, [Bar("CAT", 3)])).get("role") == "img"
    assert root.get("lang") == "en"
    assert [named[name] for name in root.get("aria-labelledby", "").split()] == [
        "Russia",
        "What binds it.",
    ]
    assert PICTURE.source in [node.text for node in root.iter(f"{SVG}text")]


def test_every_span_and_act_of_a_timeline_is_there_once() -> None:
    rows = [row for row in ROWS if isinstance(row, Row)]
    given = [span.text for row in rows for span in row.spans]
    given += [act.text for row in rows for act in row.acts]
    assert sorted(titles(drawn_timeline())) == sorted(given)


def test_the_texts_of_a_timeline_keep_apart_and_inside() -> None:
    svg = drawn_timeline()
    assert overlapping(svg) == []
    assert outside(svg) == []


def test_acts_of_one_day_stand_below_each_other() -> None:
    acts = [Act(date(1998, 5, 5), f"act {place}") for place in range(6)]
    svg = drawn_timeline([Row("CAT", acts=acts), Row("CRC", acts=[Act(date(1990, 1, 1), "x")])])
    rings = [
        (float(node.get("cx", 0)), float(node.get("cy", 0)))
        for node in read(svg).iter(f"{SVG}circle")
    ]
    apart = [
        (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
        for place, one in enumerate(rings)
        for other in rings[place + 1 :]
    ]
    assert len(rings) == 7
    assert min(apart) >= 10**2


def test_the_legend_names_the_standings_shown_and_no_other() -> None:
    legend = next(n for n in read(drawn_timeline()).iter() if n.get("class") == "legend")
    assert [node.text for node in legend.iter(f"{SVG}text")] == ["Bound", "Left", "Uncertain"]


def test_a_day_stands_where_time_says() -> None:
    svg = drawing.timeline(
        PICTURE,
        [Row("CAT", [Span("bound", date(2000, 1, 1), date(2010, 1, 1), "half")])],
        legend=WORDS,
        start=date(2000, 1, 1),
        end=date(2020, 1, 1),
    )
    bar = next(n for n in read(svg).iter() if n.get("class") == "datum").find(f"{SVG}path")
    line = next(n for n in read(svg).iter(f"{SVG}path") if n.get("stroke-dasharray") == "1 4")
    assert bar is not None
    left, right = (
        float(x) for x in (line.get("d", "").split()[0][1:], line.get("d", "").split("H")[1])
    )
    drawn_right = float(bar.get("d", "").split("H")[1].split("V")[0])
    assert drawn_right == pytest.approx((left + right) / 2, abs=1)


def test_the_line_of_the_day_asked_about_runs_through_no_label() -> None:
    svg = drawing.timeline(
        PICTURE, ROWS, legend=WORDS, end=date(2026, 12, 31), on=Mark(date(2010, 1, 1), "asked")
    )
    dashed = next(n for n in read(svg).iter(f"{SVG}path") if n.get("stroke-dasharray") == "5 3")
    x = float(dashed.get("d", "")[1:].split()[0])
    assert [box[4] for box in boxes(svg) if box[0] < x < box[2]] == ["asked"]


def test_steps_keep_their_order_their_lane_and_their_distance() -> None:
    told = [
        Step(place % 2, date(2025, 9, 1 + place // 2), f"{word} " * 12, turning=place == 5)
        for place, word in enumerate(["decree", "reply", "bill", "vote", "law", "end"] * 4)
    ]
    svg = drawing.steps(
        PICTURE,
        ("At home", "Between States"),
        told,
        on=Mark(date(2025, 9, 4), "the day that is asked about, as it stands"),
    )
    assert len(titles(svg)) == len(told)
    assert overlapping(svg) == []
    assert outside(svg) == []
    dots = [float(node.get("cy", 0)) for node in read(svg).iter(f"{SVG}circle")]
    assert min(later - earlier for earlier, later in pairwise(dots)) >= 13


def test_no_picture_needs_what_a_strict_policy_refuses() -> None:
    for node in read(drawn_timeline()).iter():
        assert node.tag.removeprefix(SVG) not in ("script", "style", "foreignObject", "image")
        assert not [name for name in node.attrib if name == "style" or name.startswith("on")]


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "//elsewhere.example/", "data:text/html,x", " /x", "/a b", "/\\evil"],
)
def test_an_address_that_is_not_to_be_followed_is_no_link(href: str) -> None:
    svg = drawn_timeline([Row("CAT", acts=[Act(date(1998, 5, 5), "x", href)])])
    assert list(read(svg).iter(f"{SVG}a")) == []


HOSTILE = st.text() | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "]]>",
        "&lt;",
        '" onload="x',
        "\x00\x0b\ud800",
        "\u202eabc",
        "x" * 9999,
    ]
)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_text_is_text(label: str, said: str, title: str) -> None:
    picture = Picture(title or "n", title, said, label)
    span = Span("bound", date(1998, 5, 5), None, said, f"/x?{label}")
    svg = drawn_timeline(
        [Heading(title), Row(label, [span], [Act(date(1999, 1, 1), said)])], picture
    )
    root = read(svg)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        *("svg", "title", "desc", "rect", "defs", "pattern", "path", "g", "a", "text", "circle")
    }
    assert not [node for node in root.iter() if any(name.startswith("on") for name in node.attrib)]
    assert outside(svg) == []
    assert len(svg) < 40_000


def test_the_same_facts_give_the_same_bytes() -> None:
    assert drawn_timeline() == drawn_timeline()


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_their_ground_in_both_schemes(scheme: str) -> None:
    paper = getattr(INKS["paper"], scheme)
    texts = {
        name: contrast(getattr(INKS[name], scheme), paper)
        for name in ("ink", "soft", "accent", "turn")
    }
    shapes = {name: contrast(getattr(look.outline, scheme), paper) for name, look in LOOKS.items()}
    assert {name: value for name, value in texts.items() if value < 4.5} == {}
    assert {name: value for name, value in shapes.items() if value < 3} == {}


def test_standings_differ_by_pattern_and_not_by_colour_alone() -> None:
    svg = drawn_timeline(
        [Row("all", [Span(s, date(2000, 1, 1), None, s) for s in drawing.STANDINGS])]
    )
    patterns = {
        node.get("id"): tuple(path.get("d") for path in node.iter(f"{SVG}path"))
        for node in read(svg).iter(f"{SVG}pattern")
    }
    assert set(patterns) == {f"rus-{slug(standing)}" for standing in drawing.STANDINGS}
    lined = [lines for lines in patterns.values() if lines]
    assert len(lined) == len(set(lined)) == 5  # bound is dark and whole, not a party pale and whole
    whole = [LOOKS[name].ground.light for name in ("bound", "not a party")]
    assert contrast(*whole) >= 3


def test_a_page_gives_every_colour_its_dark_one() -> None:
    sheet = drawing.stylesheet()
    used = {
        name
        for node in read(drawn_timeline()).iter()
        for name in node.get("class", "").split()
        if name[:2] in ("f-", "s-")
    }
    assert used
    assert [name for name in used if f".drawing .{name} {{" not in sheet] == []


needs_map = pytest.mark.skipif(
    not drawing.has_map(), reason="the build had no npm: there is no map"
)
needs_fonts = pytest.mark.skipif(not drawing.can_png(), reason="the build had no npm: no fonts")
NODES = [
    *(Node(f"o{n}", 0, f"Obligation number {n} not to do this or that") for n in range(3)),
    *(Node(f"a{n}", 1, f"Article {n}", f"/a/{n}") for n in range(5)),
    *(Node(f"b{n}", 2, f"Committee {n} for the Prevention of all that") for n in range(2)),
]
LINKS = [("o0", "a3"), ("o1", "a0"), ("o2", "a1"), ("a0", "b1"), ("a1", "b1"), ("a3", "b0")]


def world(places: Sequence[Place], disputed: str = "No opinion is implied.") -> str:
    return drawing.world_map(PICTURE, places, legend=WORDS, disputed=disputed)


def lines_of(count: int) -> str:
    return drawing.lines(
        PICTURE,
        [
            Series(f"line {n}", [(date(1990 + year, 12, 31), year * n) for year in range(20)])
            for n in range(count)
        ],
    )


def neighbours() -> str:
    groups = [
        Group(
            f"way {way}",
            [Node(f"{way}-{n}", 0, f"thing {way}-{n}") for n in range(3 * way)],
            3 * way,
        )
        for way in range(1, 7)
    ]
    return drawing.neighbourhood(PICTURE, "Russian Federation", groups)


EVERY: dict[str, Callable[[], str]] = {
    "lines": lambda: lines_of(8),
    "bars": lambda: drawing.bars(
        PICTURE, [Bar(f"instrument {n}", n * 20, f"{n * 20} of 197", "/i", 197) for n in range(9)]
    ),
    "matrix": lambda: drawing.matrix(
        PICTURE,
        [Column(f"T{n}") for n in range(10)],
        [
            MatrixRow(f"State {n}", [drawing.STANDINGS[(n + c) % 7] for c in range(10)])
            for n in range(5)
        ],
        legend=WORDS,
    ),
    "chain": lambda: drawing.chain(PICTURE, ["Obligation", "Article", "Body"], NODES, LINKS),
    "neighbourhood": neighbours,
    "card": lambda: drawing.card(
        PICTURE,
        "Bound until 30 September 2026 at least.",
        standing="uncertain",
        chip="Uncertain",
        strip=[Span("bound", date(1998, 9, 1), date(2026, 10, 1), "bound", ends_unsure=True)],
        end=date(2027, 1, 1),
    ),
}


@pytest.mark.parametrize("kind", EVERY)
def test_the_texts_of_every_picture_keep_apart_and_inside(kind: str) -> None:
    svg = EVERY[kind]()
    turned = {node.text for group in read(svg).iter() if group.get("transform") for node in group}
    assert [pair for pair in overlapping(svg) if not turned & set(pair)] == []
    assert outside(svg) == []


@pytest.mark.parametrize(
    ("kind", "count"), [("lines", 8), ("bars", 9), ("matrix", 50), ("chain", 10)]
)
def test_every_datum_of_a_picture_is_there_once(kind: str, count: int) -> None:
    names = titles(EVERY[kind]())
    assert len(names) == len(set(names)) == count


def test_a_bar_is_as_long_as_its_number_says() -> None:
    svg = drawing.bars(PICTURE, [Bar("half", 50), Bar("whole", 100)])
    rects = [node for node in read(svg).iter(f"{SVG}rect") if node.get("class") == "f-bound"]
    half, whole = (float(node.get("width", "0")) for node in rects)
    assert half == pytest.approx(whole / 2, abs=0.1)


def test_a_line_climbs_to_what_was_counted() -> None:
    svg = drawing.lines(PICTURE, [Series("CAT", [(date(1990, 1, 1), 0), (date(2000, 1, 1), 100)])])
    line = next(n for n in read(svg).iter(f"{SVG}path") if n.get("stroke-linejoin") == "round")
    begin, end = line.get("d", "").split("V")
    assert float(begin.split("H")[0].split()[1]) - float(end) == pytest.approx(320)


def test_lines_that_end_together_have_names_that_do_not_touch() -> None:
    flat = [
        Series(f"line {n}", [(date(2000, 1, 1), 0), (date(2010, 1, 1), 100)]) for n in range(10)
    ]
    svg = drawing.lines(PICTURE, flat)
    assert overlapping(svg) == []
    assert outside(svg) == []


def test_a_chain_draws_each_link_and_none_that_leads_nowhere() -> None:
    svg = drawing.chain(PICTURE, ["Obligation", "Article", "Body"], NODES, [*LINKS, ("o0", "none")])
    assert sum(node.get("class") == "link" for node in read(svg).iter()) == len(LINKS)


def test_a_large_group_names_twelve_and_counts_the_rest() -> None:
    members = [Node(str(n), 0, f"act {n}") for n in range(40)]
    svg = drawing.neighbourhood(PICTURE, "Russia", [Group("has performed", members, 155, "/all")])
    assert len(titles(svg)) == 12
    rest = [node for node in read(svg).iter() if node.get("class") == "rest"]
    assert [(node.findtext(f"{SVG}title"), node.get("href")) for node in rest] == [("+143", "/all")]


def asked(graph: EmbeddedEngine, question: str) -> list[dict[str, str]]:
    """The answer to a packaged question, as it stands in its file."""
    text = (shipped().queries / f"world/{question}.rq").read_text("utf-8")
    return [
        {name: str(term.value) for name, term in row.items() if term is not None}
        for row in graph.select(text)
    ]


@needs_map
def test_every_participant_of_the_graph_is_on_its_map(graph: EmbeddedEngine) -> None:
    rows = asked(graph, "standing-of-all-states-on-a-day")
    svg = world([Place(row.get("iso3", ""), row["state_label"], row["standing"]) for row in rows])
    names = titles(svg)
    assert len(names) == len(set(names)) == len(rows) > 190
    # Democratic Yemen ended in 1990, and the European Union has no code of three letters
    assert {row.get("iso3", "") for row in rows} - drawing.codes_on_the_map() <= {"", "YMD"}
    assert overlapping(svg) == []


def test_the_timeline_of_russia_has_each_day_of_the_record_once(graph: EmbeddedEngine) -> None:
    rows = []
    for row in asked(graph, "standing-of-a-state-on-a-day"):
        acts = [
            Act(date.fromisoformat(row[k]), f"{row['instrument_label']} {k}")
            for k in ("signed", "consented", "ended")
            if k in row
        ]
        spans = (
            [
                Span(
                    "bound",
                    date.fromisoformat(row["in_force"]),
                    date.fromisoformat(row["ended"]) if "ended" in row else None,
                    f"{row['instrument_label']} bound",
                )
            ]
            if "in_force" in row
            else []
        )
        rows.append(Row(row["instrument_label"], spans, acts))
    svg = drawn_timeline(rows)
    names = titles(svg)
    assert {"CAT signed", "CAT consented", "CAT bound", "ECHR ended", "ECPT bound"} <= set(names)
    assert len(names) == len(set(names)) == sum(len(r.spans) + len(r.acts) for r in rows) > 30
    assert overlapping(svg) == []
    assert outside(svg) == []


@needs_map
def test_each_participant_is_on_the_map_once_and_the_rest_of_the_world_has_no_colour() -> None:
    places = [
        Place("FRA", "France", "bound"),
        Place("TUV", "Tuvalu", "signed only"),
        Place("MCO", "Monaco", "left", href="/state/mco"),
        Place("", "European Union", "not a party"),
    ]
    svg = world(places)
    assert sorted(titles(svg)) == [
        "European Union: Not a party",
        "France: Bound",
        "Monaco: Left",
        "Tuvalu: Signed only",
    ]
    painted = [
        path
        for group in read(svg).iter(f"{SVG}g")
        if "f-bound" in group.get("class", "").split()
        for path in group.iter(f"{SVG}path")
    ]
    assert len(painted) == 1
    assert [node.get("href") for node in read(svg).iter(f"{SVG}a")] == ["/state/mco"]


@needs_map
def test_disputed_areas_are_neutral_and_a_note_says_so() -> None:
    svg = world([Place("SRB", "Serbia", "bound"), Place("SOM", "Somalia", "bound")])
    neutral = [n for n in read(svg).iter(f"{SVG}path") if n.get("stroke-dasharray") == "2 1.5"]
    assert len(neutral) == 1
    assert neutral[0].get("d", "").count("M") > 300
    assert "No opinion is implied. · Natural Earth" in svg
    assert "" not in drawing.codes_on_the_map()


@needs_map
def test_small_states_can_be_seen_and_told_apart() -> None:
    codes = ["ATG", "KNA", "DMA", "LCA", "VCT", "BRB", "GRD", "SMR", "VAT", "MCO", "NRU", "TUV"]
    svg = world([Place(code, code, "bound") for code in codes])
    points = [
        (float(node.get("cx", 0)), float(node.get("cy", 0)))
        for group in read(svg).iter()
        if group.get("class") == "datum"
        for node in group.iter(f"{SVG}circle")
    ]
    nearest = min(
        ((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5
        for place, one in enumerate(points)
        for other in points[place + 1 :]
    )
    assert len(points) == len(codes)
    assert nearest > 5.5


@needs_map
def test_a_map_of_the_whole_world_is_of_bounded_size() -> None:
    places = [
        Place(code, f"State {code}", "bound", href=f"/state/{code}")
        for code in drawing.codes_on_the_map()
    ]
    assert len(world(places)) < 85_000


@needs_fonts
@pytest.mark.parametrize("width", [300, 1200])
def test_a_picture_is_given_as_png_of_the_width_asked_for(width: int) -> None:
    content = drawing.png(drawn_timeline(), width)
    assert content.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(content[16:20], "big") == width


@needs_fonts
def test_a_social_card_is_1200_by_630_and_has_words_in_it() -> None:
    one = drawing.png(EVERY["card"]())
    other = drawing.png(drawing.card(PICTURE, "Something else."))
    assert [int.from_bytes(one[at : at + 4], "big") for at in (16, 20)] == [1200, 630]
    assert len(one) > 10_000
    assert one != other


@needs_fonts
def test_only_pictures_of_ours_become_png() -> None:
    with pytest.raises(ValueError, match="no picture of ours"):
        drawing.png(
            '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
        )
