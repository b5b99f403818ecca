"""`jupyter runtimed`: commands for the stored rooms of notebooks, usable while a server runs.

Reading needs no lock, because the store never changes data in place. Each command that writes takes
the room's lock, as a server does, and refuses a room that a server has open. The package knows the
data folder and talks to no server.
"""
