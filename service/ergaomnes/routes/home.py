"""/: what is here, as a page with the newest of it, and as a list of routes for programs."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ergaomnes import __version__, media
from ergaomnes.panels import Panels
from ergaomnes.templates import LANGUAGES, Templates, language_of, root_of

PAGE = "home"
_OFFERED = (media.PLAIN_JSON, media.HTML)


def router(panels: Panels, templates: Templates, routes: Mapping[str, str]) -> APIRouter:
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
        lang = language_of(request.headers, query.get("lang"))
        root = root_of(request.scope)
        shown = await panels.of(PAGE, {}, lang, root)
        values = {
            "panels": shown,
            "asked": [one.addresses(root) for one in shown],
            "routes": routes,
            "languages": [(one, f"{root}/?lang={one}") for one in LANGUAGES],
        }
        headers = {"Vary": "Accept, Accept-Language", "Content-Language": lang}
        return HTMLResponse(templates.page("home.html", lang, root, values), headers=headers)

    return made
