"""Pictures: pure functions from what is to be shown to accessible SVG.

A picture has no words of its own: whoever asks for it gives them in the reader's language. What it
shows stands beside it as a table. Its bytes depend on nothing but what it is given.
"""

from ergaomnes.drawing.palette import STANDINGS, stylesheet
from ergaomnes.drawing.svg import Mark, Picture
from ergaomnes.drawing.timeline import Act, Heading, Row, Span, Step, steps, timeline

__all__ = [
    "STANDINGS",
    "Act",
    "Heading",
    "Mark",
    "Picture",
    "Row",
    "Span",
    "Step",
    "steps",
    "stylesheet",
    "timeline",
]
