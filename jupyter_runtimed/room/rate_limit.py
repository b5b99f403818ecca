"""Rate limit of a connection: a token bucket.

Callers pass the time in milliseconds. One unit of cost is about 0.1 ms of the server's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNITS_PER_SECOND: Final = 1_000
BURST_UNITS: Final = 5_000
FLOOD: Final = 5
"""A connection is closed when its overdraft exceeds this many bursts."""

CALL: Final = 4
PRESENCE: Final = 2
PRESENCE_FOR_EACH: Final = 0.5
"""Cost of a presence for each session that receives it."""
PUT_OFF: Final = 0.5
"""Cost of a presence that is delayed instead of sent."""
HELLO: Final = 50
CALLS_PER_SECOND: Final = UNITS_PER_SECOND // CALL


@dataclass(slots=True)
class RateLimit:
    """A bucket that starts full. Refused requests are charged too, so that a flood is noticed."""

    per_second: float = UNITS_PER_SECOND
    burst: float = BURST_UNITS
    level: float = -1.0
    at_ms: int = 0

    def spend(self, cost: float, now_ms: int) -> bool:
        """Charge the cost; return whether the bucket held enough."""
        enough = self.has(cost, now_ms)
        self.level -= cost
        return enough

    @property
    def exceeded(self) -> bool:
        """Whether the overdraft is so large that the connection must be closed."""
        return self.level < -FLOOD * self.burst

    def has(self, cost: float, now_ms: int) -> bool:
        self._refill(now_ms)
        return self.level >= cost

    def ready_at(self, cost: float) -> int:
        """Return the time (ms) when the bucket holds `cost`, if nothing is charged until then."""
        missing = max(cost - self.level, 0.0)
        return self.at_ms + int(missing * 1000 / self.per_second) + 1

    def _refill(self, now_ms: int) -> None:
        if self.at_ms == 0:
            self.level = self.burst
        elif now_ms > self.at_ms:
            gained = (now_ms - self.at_ms) * self.per_second / 1000
            self.level = min(self.level + gained, self.burst)
        # A clock that was set back neither adds nor removes units.
        self.at_ms = max(now_ms, 1)
