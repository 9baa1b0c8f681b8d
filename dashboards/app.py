"""The app in a browser: made by :func:`create_app`, served by :func:`serve`."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

import dash
from dash import Dash
from flask import Response

from dashboards.catalogue import LANGUAGE, text
from dashboards.export import orders_csv
from dashboards.layout import not_found, page
from dashboards.pages import now, plan, runs, what_if
from dashboards.source import Source, source
from twin.errors import NoriaError

log = logging.getLogger(__name__)

ASSETS = Path(__file__).with_name("assets")
_REPORT_ONLY = r"^report.*"
"""Assets of the nightly report, which the app does not load."""

INDEX = """<!DOCTYPE html>
<html lang="{language}">
  <head>
    {{%metas%}}
    <title>{{%title%}}</title>
    {{%favicon%}}
    {{%css%}}
    <script>
      document.documentElement.dataset.theme =
        new URLSearchParams(location.search).get("theme") === "dark" ? "dark" : "light";
    </script>
  </head>
  <body>
    <noscript>{noscript}</noscript>
    {{%app_entry%}}
    <footer>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
  </body>
</html>
"""


def create_app(archive: Path) -> Dash:
    """The app that shows one archive of runs; everything it needs comes from its own server."""
    app = Dash(
        __name__,
        use_pages=True,
        pages_folder="",
        assets_folder=str(ASSETS),
        assets_ignore=_REPORT_ONLY,
        serve_locally=True,
        suppress_callback_exceptions=True,  # each page brings its own components
        include_pages_meta=False,
        title="Noria",
        update_title="",
        on_error=tell_failure,
        index_string=INDEX.format(language=LANGUAGE, noscript=text("error.noscript")),
    )
    app.server.config["NORIA_SOURCE"] = Source(Path(archive))
    app.layout = dash.page_container
    app.server.add_url_rule("/export/<run_id>/orders.csv", view_func=export_orders)
    _register_pages()
    for module in (now, plan, what_if):
        module.register_callbacks(app)
    return app


def export_orders(run_id: str) -> Response:
    """The orders of a run as a file."""
    try:
        content = orders_csv(source().run(run_id))
    except NoriaError as error:
        return Response(str(error), status=404, mimetype="text/plain")
    name = f"attachment; filename=orders-{run_id}.csv"
    return Response(content, mimetype="text/csv", headers={"Content-Disposition": name})


def tell_failure(error: Exception) -> None:
    """Say on the page that an action failed; the page stays as it was."""
    if isinstance(error, NoriaError):
        message = str(error)
    else:
        log.error("callback failed", exc_info=error)
        message = text("error.callback")
    dash.set_props("app-error", {"children": message})


def _register_pages() -> None:
    """Name every page; the registry is Dash's own and holds no archive."""
    for key, path, render in (
        ("now", "/now", now.render),
        ("plan", "/", plan.render),
        ("what-if", "/what-if", what_if.render),
        ("runs", "/runs", runs.render),
    ):
        title = f"{text(f'page.{key}')} · Noria"
        dash.register_page(  # type: ignore[no-untyped-call]
            key, path=path, name=key, title=title, layout=page(key, render)
        )
    dash.register_page(  # type: ignore[no-untyped-call]
        "not_found_404", path="/404", title="Noria", layout=lambda **_: not_found()
    )


def serve(archive: Path, host: str = "127.0.0.1", port: int = 8050) -> None:
    """Serve the dashboard until interrupted.

    Raises
    ------
    NoriaError
        If the archive holds no run, or the address cannot be had.
    """
    from werkzeug.serving import make_server

    app = create_app(archive)
    app.server.config["NORIA_SOURCE"].latest()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise NoriaError(
            f"{host}:{port} cannot be had ({_reason(error)}); choose another port"
        ) from None
    server: Any = make_server(host, port, app.server, threaded=True, fd=listening.fileno())
    where = f"http://{host}:{listening.getsockname()[1]}/"
    print(f"Noria is at {where} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        log.info("ended")
    finally:
        server.server_close()


def _reason(error: OSError) -> str:
    """What the system says, in its own few words."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
