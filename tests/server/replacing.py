"""An extension that replaces the contents manager after other extensions were loaded."""

from __future__ import annotations

from jupyter_server.serverapp import ServerApp


def _load_jupyter_server_extension(app: ServerApp) -> None:
    kind = type("Derived", (app.contents_manager_class,), {})
    app.contents_manager = kind(parent=app, log=app.log)
    app.session_manager.contents_manager = app.contents_manager
    app.web_app.settings["contents_manager"] = app.contents_manager
