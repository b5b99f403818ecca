"""Notebook files: reading, atomic replacement, and watching for changes by other programs."""
