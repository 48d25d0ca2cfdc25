"""The documentation site: `make docs` builds it from this folder, without a network."""

from importlib import metadata

project = "Biospan"
author = copyright = "The Biospan developers"
release = version = metadata.version("biospan")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
templates_path: list[str] = []

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["misc.highlighting_failure"]

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False
# Docstrings are Markdown in so far as code stands between single backticks.
default_role = "literal"

html_theme = "furo"
html_title = "Biospan"
html_copy_source = False
