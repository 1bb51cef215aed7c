"""The card that others show of a page: its title, one sentence, a strip of time."""

from collections.abc import Sequence
from datetime import date

from ergaomnes.drawing.svg import (
    SERIF,
    Picture,
    element,
    enclosed,
    filled,
    fitted,
    patterns,
    swatch,
    text,
    width_of,
    wrapped,
)
from ergaomnes.drawing.timeline import Scale, Span, span_mark

WIDTH, HEIGHT = 1200, 630
_LEFT = 84
_ROOM = WIDTH - _LEFT - 72


def card(
    picture: Picture,
    sentence: str,
    *,
    standing: str = "",
    chip: str = "",
    strip: Sequence[Span] = (),
    end: date | None = None,
) -> str:
    """Draw a social card of 1200 by 630.

    `chip` names the standing, `strip` are the times of one row, up to the day `end`.
    """
    size = 58 if len(wrapped(picture.title, 58, _ROOM, 3)) < 3 else 44
    titles = wrapped(picture.title, size, _ROOM, 3)
    y = 118.0
    parts = [element("rect", filled("accent") | {"width": 20, "height": HEIGHT})]
    for line in titles:
        parts.append(text(line, _LEFT, y, size, weight="600", family=SERIF))
        y += size * 1.18
    y += 12
    if chip:
        label = fitted(chip, 28, _ROOM - 80)
        parts.append(
            element("rect", (swatch(picture, standing) if standing else filled("soft"))
                    | {"x": _LEFT, "y": y - 30, "width": 44, "height": 34, "rx": 5})
            + text(label, _LEFT + 60, y - 3, 28, weight="600")
        )  # fmt: skip
        y += 50
    y += 8
    for line in wrapped(sentence, 33, _ROOM, 4 if not strip else 3):
        parts.append(text(line, _LEFT, y, 33))
        y += 46
    standings = {span.standing for span in strip} | ({standing} if standing else set())
    if strip and end:
        scale = Scale(min([end, *(span.start for span in strip)]), end, _LEFT, WIDTH - 72)
        parts += [span_mark(picture, span, scale, 500, 34) for span in strip]
        parts += [
            text(f"{scale.start.year}", _LEFT, 542, 20, "soft"),
            text(f"{end.year}", WIDTH - 72, 542, 20, "soft", anchor="end"),
        ]
    source = fitted(picture.source, 20, _ROOM - width_of("Erga Omnes", 26) - 30)
    parts += [
        text(source, _LEFT, HEIGHT - 34, 20, "soft"),
        text("Erga Omnes", WIDTH - 72, HEIGHT - 34, 26, "accent", anchor="end", weight="600",
             family=SERIF),
    ]  # fmt: skip
    return enclosed(picture, WIDTH, HEIGHT, [patterns(picture, standings), *parts])
