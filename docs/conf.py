"""Sphinx's configuration: `make docs`."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "django-allauth-2fa"
release = metadata.version("django-allauth-2fa")

extensions = ["myst_parser", "sphinx.ext.graphviz", "reference", "rooms", "sentences", "sequence"]
exclude_patterns = ["_build"]
# Diagrams are drawn by the command "dot" of Graphviz, which must be installed.
graphviz_output_format = "svg"
# Nothing is fetched while the documentation is built, and a link that leads nowhere is an error.
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "tasklist"]
# Headings of the first three levels can be linked to, by the names that repository browsers give them too.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"django-allauth-2fa {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css", "doors.css"]
html_show_copyright = False
