"""The room and its .ipynb file: when to save, and how to merge changes by other programs."""
