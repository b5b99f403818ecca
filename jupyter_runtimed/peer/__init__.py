"""The client side of a room: one peer's replica, its pending changes and its rebase. Pure."""
