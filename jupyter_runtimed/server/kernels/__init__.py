"""Kernels and sessions of notebooks, and the kernel WebSocket that rooms share."""
