"""The protocol between clients and rooms: its frames, and the client's state machine."""
