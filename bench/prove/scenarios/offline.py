"""The network breaks, a person goes on typing, reloads the page, and the network comes back.

The browser reaches the server through a plain TCP relay that can be cut, like a laptop behind its
wireless network. Words typed before and during the cut must be there afterwards.
"""

from __future__ import annotations

from ..relay import Relay
from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed offline, then a reload of the page"
NOTEBOOK = "offline/nb.ipynb"
VARIANTS = ("",)


def run(stage: Stage, _: str) -> Tally:
    typed = words("w", 20)
    with stage.server() as server, Relay(server.port) as relay:
        write_notebook(server.root / NOTEBOOK, "# ", "2")
        address = server.page(NOTEBOOK, port=relay.port)
        with stage.person(address) as ana:
            ana.go_to(0)
            for word in typed[:10]:
                ana.type(f" {word}")
            ana.save()
            relay.cut()
            for word in typed[10:]:
                ana.type(f" {word}")
            ana.page.wait_for_timeout(2_000)
            ana.reload()
            relay.heal()
            ana.open(address)
            ana.page.wait_for_timeout(3_000)
            ana.save()
        left = stage.opened_again(server, NOTEBOOK)
    return count(typed, left)
