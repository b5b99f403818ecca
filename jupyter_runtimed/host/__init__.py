"""Doing it: the asyncio shell around the pure room, with its store, blobs, kernels and files."""
