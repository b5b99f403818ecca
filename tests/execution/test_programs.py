"""Programs that draw on a terminal, in a real kernel: the output is what a terminal shows."""

from __future__ import annotations

import re

import pytest
from live_lab import Live

pytestmark = pytest.mark.kernel

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def plain(live: Live, name: str = "stdout") -> list[str]:
    """Return the lines without colours; assert that no other control sequence is left."""
    text = COLOUR.sub("", live.text(name=name))
    assert not re.search(r"[\x08\r\x1b]", text), repr(text)
    return [line.rstrip() for line in text.splitlines()]


def test_tqdm_nested_and_with_words_written_in_between(live: Live) -> None:
    code = (
        "from tqdm import tqdm\n"
        "for i in tqdm(range(3), desc='outer'):\n"
        "    for j in tqdm(range(50), desc='inner', leave=False): pass\n"
        "    tqdm.write(f'said {i}')"
    )
    assert live.do(code) == "ok"
    assert plain(live) == ["said 0", "said 1", "said 2"]
    # Text on stdout splits the bars on stderr into several outputs; each begins on an empty line.
    lines = [line.strip() for line in plain(live, "stderr")]
    assert [line for line in lines if line][-1].startswith("outer: 100%|██████████| 3/3")


def test_rich_draws_several_bars_over_each_other(live: Live) -> None:
    pytest.importorskip("rich")
    code = (
        "from rich.console import Console\n"
        "from rich.progress import Progress\n"
        "console = Console(force_terminal=True, force_jupyter=False, width=60)\n"
        "with Progress(console=console, auto_refresh=False) as progress:\n"
        "    one, two = progress.add_task('one', total=40), progress.add_task('two', total=20)\n"
        "    for n in range(40):\n"
        "        progress.advance(one); progress.advance(two, 0.5); progress.refresh()\n"
        "        if n == 20: progress.console.print('half')\n"
        "print('over')"
    )
    assert live.do(code) == "ok"
    half, one, two, over = plain(live)
    assert (half, over) == ("half", "over")
    assert one.startswith("one ━") and "100%" in one
    assert two.startswith("two ━") and "100%" in two


def test_rich_in_notebook_mode_shows_its_last_state(live: Live) -> None:
    pytest.importorskip("rich")
    assert live.do("from rich import print as p; p('[bold]loud[/bold]')") == "ok"
    (shown,) = live.outputs()
    assert "loud" in str(getattr(shown, "data", {}).get("text/html"))


PIP = """
import functools, http.server, os, tempfile, threading, zipfile
folder = tempfile.mkdtemp()
os.makedirs(folder + "/big-thing")
wheel = folder + "/big-thing/big_thing-1.0-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as z:
    z.writestr("big_thing.py", os.urandom(4_000_000))
    info = "big_thing-1.0.dist-info/"
    z.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: big-thing\\nVersion: 1.0\\n")
    z.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr(info + "RECORD", "")
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
threading.Thread(target=server.serve_forever, daemon=True).start()
index = f"http://127.0.0.1:{server.server_port}/"
"""


def test_pip_fetches_something_large(live: Live) -> None:
    pytest.importorskip("pip")
    assert live.do(PIP) == "ok"
    code = (
        "import sys\n"
        "!{sys.executable} -m pip download --isolated --no-deps --no-cache-dir --progress-bar on"
        " --disable-pip-version-check -d {folder} --index-url {index} big-thing\n"
        "server.shutdown()"
    )
    assert live.do(code) == "ok"
    lines = plain(live)
    bars = [line for line in lines if "━" in line]
    assert len(bars) == 1, lines
    assert "4.0/4.0 MB" in bars[0]
    assert lines[-1].startswith(("Successfully downloaded", "Saved"))


# `keras.utils.Progbar` writes like this: it returns to the beginning of the line, overwrites the
# text in colours, and ends the line at the end of the epoch.
KERAS = r"""
import sys
total = 0
for step in range(1, 11):
    done = "━" * (2 * step)
    bar = f"\x1b[1m{step:>2}/10\x1b[0m \x1b[32m{done}\x1b[0m\x1b[37m{'━' * (20 - len(done))}\x1b[0m"
    info = f" \x1b[1m{11 - step}s\x1b[0m 1s/step - loss: {1 / step:.4f}"
    text = bar + info
    sys.stdout.write("\x08" * total + "\r" + text + (" " * 4 if step == 5 else ""))
    total = len(text)
    sys.stdout.flush()
sys.stdout.write("\n")
print("Epoch 2/2")
"""


def test_keras_writes_an_epoch(live: Live) -> None:
    assert live.do(KERAS) == "ok"
    bar, epoch = plain(live)
    assert bar == f"10/10 {'━' * 20} 1s 1s/step - loss: 0.1000"
    assert epoch == "Epoch 2/2"


def test_a_spinner_and_a_countdown_that_erase_themselves_leave_no_text(live: Live) -> None:
    code = (
        "import sys\n"
        "for c in '|/-' * 20: print(c, end='\\b', flush=True)\n"
        "print(' ', end='\\b', flush=True)\n"
        "for n in range(100, -1, -1): print(f'{n:3}', end='\\b\\b\\b', flush=True)\n"
        "print('go!')"
    )
    assert live.do(code) == "ok"
    assert plain(live) == ["go!"]


def test_erased_lines_are_overwritten(live: Live) -> None:
    code = (
        "print('one\\ntwo\\nthree')\n"
        "print('\\x1b[3A\\x1b[2KONE\\n\\x1b[KTWO\\n\\x1b[1B', end='')\n"
        "print('a long line', end='', flush=True); print('\\r\\x1b[Kshort')"
    )
    assert live.do(code) == "ok"
    assert plain(live) == ["ONE", "TWO", "three", "short"]
