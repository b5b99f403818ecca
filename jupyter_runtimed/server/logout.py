"""The configured logout page, extended: also disconnects the browser that logs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .mixins import extended

if TYPE_CHECKING:
    from .permission_recheck import PermissionRecheck

FAILED = 400


class _EndsConnections:
    """Mixin for logout handlers."""

    _watch: PermissionRecheck

    def initialize(self, *args: Any, watch: PermissionRecheck, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)  # type: ignore[misc]  # a mixin
        self._watch = watch

    def on_finish(self) -> None:
        super().on_finish()  # type: ignore[misc]
        handler: Any = self
        if handler.get_status() < FAILED:
            self._watch.logged_out(handler)


def logout_handler(configured: type) -> type:
    return extended(configured, _EndsConnections)
