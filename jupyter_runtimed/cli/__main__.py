"""`python -m jupyter_runtimed.cli`, where no script is installed."""

from __future__ import annotations

import sys

from .app import main

sys.exit(main())
