"""What browsers load that the build took from npm: /static/vendor."""

from fastapi import APIRouter, Response

from ergaomnes.assets import ADDRESS, Assets

_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_A_DAY = "public, max-age=86400"


def router(assets: Assets) -> APIRouter:
    """Make the route over the files there are."""
    made = APIRouter()

    @made.head(ADDRESS + "{file}", include_in_schema=False)
    @made.get(ADDRESS + "{file}", include_in_schema=False)
    def vendored(file: str) -> Response:
        kind, content, stays = assets.served_as(file)
        kept = {"Cache-Control": _FOR_EVER if stays else _FOR_A_DAY}
        return Response(content, headers={**kept, "Content-Type": kind})

    return made
