"""Configuration of Sphinx for the documentation site; `make docs` builds it into `build/site`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from jupyter_runtimed import __version__  # noqa: E402 -- the path to it is above

project = "jupyter-runtimed"
author = "jupyter-runtimed contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
highlight_language = "text"
smartquotes = False

# Pages are Markdown that a repository's web pages show as well.
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3

# Docstrings name code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "jupyter-runtimed"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "jupyter-runtimed"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version", "theme-version"],
}
