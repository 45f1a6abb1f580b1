"""Pictures of what models look at.

Figures are made without pyplot, so nothing needs a display or is left open.
"""

from .animation import animation
from .attention import attention, draw
from .glimpses import glimpse_geometry, glimpse_paths
from .layout import pixels, png

__all__ = [
    "animation",
    "attention",
    "draw",
    "glimpse_geometry",
    "glimpse_paths",
    "pixels",
    "png",
]
