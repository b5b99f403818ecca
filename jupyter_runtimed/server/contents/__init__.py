"""The contents API over rooms: open notebooks are read and written through their rooms."""
