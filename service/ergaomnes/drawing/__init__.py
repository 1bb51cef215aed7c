"""Pictures: pure functions from what is to be shown to accessible SVG.

A picture has no words of its own: whoever asks for it gives them in the reader's language. What it
shows stands beside it as a table. Its bytes depend on nothing but what it is given.
"""

from ergaomnes.drawing.card import card
from ergaomnes.drawing.charts import Bar, Column, MatrixRow, Series, bars, lines, matrix
from ergaomnes.drawing.diagrams import Group, Node, chain, neighbourhood
from ergaomnes.drawing.palette import STANDINGS, stylesheet
from ergaomnes.drawing.png import can_png, png
from ergaomnes.drawing.svg import Mark, Picture
from ergaomnes.drawing.timeline import Act, Heading, Row, Span, Step, steps, timeline
from ergaomnes.drawing.world import Place, codes_on_the_map, has_map, world_map

__all__ = [
    "STANDINGS",
    "Act",
    "Bar",
    "Column",
    "Group",
    "Heading",
    "Mark",
    "MatrixRow",
    "Node",
    "Picture",
    "Place",
    "Row",
    "Series",
    "Span",
    "Step",
    "bars",
    "can_png",
    "card",
    "chain",
    "codes_on_the_map",
    "has_map",
    "lines",
    "matrix",
    "neighbourhood",
    "png",
    "steps",
    "stylesheet",
    "timeline",
    "world_map",
]
