"""`jupyter runtimed`: what is kept of notebooks, for people and scripts, beside a running server.

Reading needs no lock, because nothing in the store is changed in place. What writes takes the
room's lease, as a server does, and refuses a room that a server has open. It knows the data folder;
it talks to no server.
"""
