"""Pictures: pure functions from what is to be shown to accessible SVG.

A picture has no words of its own: whoever asks for it gives them in the reader's language. What it
shows stands beside it as a table. Its bytes depend on nothing but what it is given.
"""

from ergaomnes.drawing.palette import STANDINGS, stylesheet
from ergaomnes.drawing.png import can_png, png
from ergaomnes.drawing.svg import Mark, Picture
from ergaomnes.drawing.timeline import Act, Heading, Row, Span, Step, steps, timeline
from ergaomnes.drawing.world import Place, codes_on_the_map, has_map, world_map

__all__ = [
    "STANDINGS",
    "Act",
    "Heading",
    "Mark",
    "Picture",
    "Place",
    "Row",
    "Span",
    "Step",
    "can_png",
    "codes_on_the_map",
    "has_map",
    "png",
    "steps",
    "stylesheet",
    "timeline",
    "world_map",
]
