"""Pictures as PNG, for those who cannot use SVG: in the light scheme, with fonts of our own."""

import re

import resvg_py

from ergaomnes.assets import assets
from ergaomnes.errors import AssetMissing

FONTS = ("NotoSans_400Regular.ttf", "NotoSans_600SemiBold.ttf", "SourceSerif4_600SemiBold.ttf")
WIDEST = 2400
HIGHEST = 12_000

_BOX = re.compile(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"')


def can_png() -> bool:
    """Tell whether the build brought the fonts, without which there would be no words."""
    return assets().has(*FONTS)


def png(svg: str, width: int = 1200) -> bytes:
    """Render a picture of this package; raises AssetMissing where the fonts are absent.

    It is for our own pictures only, and reads neither files nor the network.
    """
    if not can_png():
        raise AssetMissing(FONTS[0])
    box = _BOX.match(svg)
    if box is None:
        raise ValueError("this is no picture of ours")
    ratio = float(box[2]) / float(box[1])
    width = max(1, min(width, WIDEST, int(HIGHEST / ratio)))
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=width,
            skip_system_fonts=True,
            font_files=[str(assets().folder / font) for font in FONTS],
            font_family="Noto Sans",
            sans_serif_family="Noto Sans",
            serif_family="Source Serif 4",
        )
    )
