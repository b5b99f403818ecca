"""The kernel in the notebook's own metadata: `kernelspec` and `language_info`.

In JupyterLab the browser writes them when it has a kernel. A notebook that only agents run has no
browser, so the room writes them with the first run. Opening a notebook does not change them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..document.content import JsonText, from_json, to_json
from ..document.notebook import Notebook
from ..execution.message_fields import plain_of
from . import events as ev

KERNELSPEC: Final = "kernelspec"
LANGUAGE_INFO: Final = "language_info"


class KernelMetadata:
    """Keeps the notebook's metadata in line with the kernel that runs its cells."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._kernel = ev.KernelStatusChanged("none")

    @property
    def kernel_name(self) -> str:
        """The kernelspec that the notebook names, or ""."""
        name = self._said(KERNELSPEC).get("name", "")
        return name if isinstance(name, str) else ""

    def heard(self, kernel: ev.KernelStatusChanged) -> None:
        """Remember the kernel that is running, for the next run."""
        if kernel.state in ("idle", "busy") and kernel.name:
            self._kernel = kernel

    def write(self) -> bool:
        """Write the running kernel into the metadata; return whether the metadata changed."""
        wrong = dict(self._differences())
        for key, value in wrong.items():
            self._notebook.set_metadata(None, key, value)
        return bool(wrong)

    def _differences(self) -> Iterator[tuple[str, JsonText]]:
        kernel, said = self._kernel, self._said(KERNELSPEC)
        if not kernel.name:
            return
        spec = {"name": kernel.name, "display_name": kernel.display_name or kernel.name}
        kept = said.get("language") if said.get("name") == kernel.name else None
        if language := kernel.language or kept:
            spec["language"] = str(language)
        info = plain_of(kernel.language_info)
        for key, value in ((KERNELSPEC, spec), (LANGUAGE_INFO, info)):
            if value and value != self._said(key):
                yield key, to_json(value)

    def _said(self, key: str) -> Mapping[str, object]:
        """Return an entry of the notebook's metadata; {} if the entry is missing or invalid."""
        try:
            found = from_json(self._notebook.metadata().get(key, JsonText("{}")))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
