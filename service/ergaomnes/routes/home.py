"""/: what is here, as a page with the newest of it, and as a list of routes for programs."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ergaomnes import __version__, media
from ergaomnes.operations import scripted
from ergaomnes.views import Views

PAGE = "home"
_OFFERED = (media.PLAIN_JSON, media.HTML)


def router(views: Views, routes: Mapping[str, str]) -> APIRouter:
    """Make the route; `routes` says in a few words what each address is for."""
    made = APIRouter()

    @made.head("/", include_in_schema=False)
    @made.get("/", summary="What is here")
    async def home(request: Request) -> Response:
        query, accept = request.query_params, request.headers.get("accept")
        written_as, _ = media.wanted(accept, query.get("format"), _OFFERED)
        if written_as is not media.HTML:
            told = {"name": "Erga Omnes", "version": __version__, "routes": routes}
            return JSONResponse(told, headers={"Vary": "Accept, Accept-Language"})
        wish = views.wish(PAGE, query.multi_items(), request.headers, request.scope)
        view = await views.view(PAGE, wish)
        assert view is not None  # noqa: S101 - only things may have no page
        text = views.page(view, routes=routes)
        return HTMLResponse(text, headers=scripted(wish.lang))

    return made
