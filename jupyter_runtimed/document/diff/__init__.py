"""Differences: of two notebooks, of two texts, and of the outputs of two cells."""
