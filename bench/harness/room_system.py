"""This project, through its own Python client."""

from harness.process import Server, lab_argv
from harness.systems import System


class RoomSystem(System):
    name = "room"

    @staticmethod
    def launch() -> Server:
        return Server(lab_argv())

    async def open(self, path):
        raise NotImplementedError
