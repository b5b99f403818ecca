"""JupyterHub and its proxy are restarted while a person types in a notebook behind them.

The person's server continues, because `JupyterHub.cleanup_servers` is False. Ten words are typed
before, twenty while the Hub is away, ten after it is back.
"""

from __future__ import annotations

from ..hub import Hub
from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed across a restart of JupyterHub and its proxy"
VARIANTS = ("",)
QUICK_VARIANTS = ()


def run(stage: Stage, _: str) -> Tally:
    typed = words("w", 40)
    assert stage.hub is not None
    with Hub(stage.hub, stage.environment, stage.new_folder()) as hub:
        write_notebook(hub.root / "nb.ipynb", "# ", "2")
        with stage.person(hub.address("nb.ipynb"), log_in=hub.log_in) as ana:
            ana.go_to(0)
            for word in typed[:10]:
                ana.type(f" {word}")
            ana.save()
            hub.stop()
            for word in typed[10:30]:
                ana.type(f" {word}")
            hub.start()
            for word in typed[30:]:
                ana.type(f" {word}")
            ana.page.wait_for_timeout(30_000)
            ana.answer()
            ana.save()
            ana.page.wait_for_timeout(3_000)
            asked = ana.questions
        with stage.person(hub.address("nb.ipynb"), log_in=hub.log_in) as later:
            left = later.settled_text()
    tally = count(typed, left)
    return tally.noting(*asked)
