"""Signal handlers that shut a Jupyter server down in an orderly way.

Jupyter Server handles SIGTERM always, but SIGINT only with a terminal. Without a terminal, SIGINT
stops the event loop at once. SIGHUP always ends the process. In both cases Jupyter Server does not
stop its extensions, so no room is saved. With these handlers, both signals stop the server as
SIGTERM does. JupyterHub's `LocalProcessSpawner` sends SIGINT first; closing a terminal sends
SIGHUP.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

NAMES = ("SIGINT", "SIGHUP")
"""Windows has no SIGHUP."""


def end_in_order(server: Any) -> None:
    """Let SIGINT and SIGHUP stop `server` (a `ServerApp`), as SIGTERM does.

    Change nothing if the process does not belong to the server (a test, a program that embeds a
    server), or if a signal is ignored (`nohup`, `&`) or already has a handler.
    """
    stop = server._signal_stop  # noqa: SLF001 -- no public name exists
    owned = signal.getsignal(signal.SIGTERM) == stop
    if not owned or threading.current_thread() is not threading.main_thread():
        return
    let_process_exit()
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, stop)


def let_process_exit() -> None:
    """End AnyIO's idle threads once the main thread has ended.

    AnyIO ends a worker thread when the task that started the thread is done. A request in progress
    when the event loop stops never finishes, so its idle thread would keep the process alive.
    """
    threading.Thread(target=_end_idle_workers, name="runtimed-exit", daemon=True).start()


def _end_idle_workers() -> None:
    threading.main_thread().join()
    for thread in threading.enumerate():
        queue = getattr(thread, "queue", None)
        if thread.name == "AnyIO worker thread" and queue is not None:
            queue.put_nowait(None)
