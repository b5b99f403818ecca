"""Write a notebook of N code cells: ``python bench/make_notebook.py 1000 big.ipynb``."""

import argparse
from pathlib import Path

from harness.notebooks import write_notebook

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--chars", type=int, default=400, help="length of each source")
    options = parser.parse_args()
    write_notebook(options.path, options.cells, chars=options.chars)
