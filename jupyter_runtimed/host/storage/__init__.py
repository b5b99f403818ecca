"""The data folder: the log of each room, blobs, locks, and whose folder it is."""
