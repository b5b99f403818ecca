"""Entry point of `python -m jupyter_runtimed.cli`, for use without the installed script."""

from __future__ import annotations

import sys

from .app import main

sys.exit(main())
