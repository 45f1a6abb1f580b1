"""The browser demo: a page that shows an exported model look."""

from .runtime import install_runtime
from .samples import Samples
from .server import serve_site
from .site import make_site, read_card

__all__ = ["Samples", "install_runtime", "make_site", "read_card", "serve_site"]
