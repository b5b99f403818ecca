"""The measurable systems by name."""

from harness.lab_system import LabSystem
from harness.relay_system import RelaySystem
from harness.room_system import RoomSystem
from harness.systems import System

SYSTEMS: dict[str, type[System]] = {s.name: s for s in (RoomSystem, RelaySystem, LabSystem)}
