"""Pictures of what models look at.

Figures are made without pyplot, so nothing needs a display or is left open.
"""

from .animation import animation
from .attention import attention, draw
from .layout import pixels, png

__all__ = [
    "animation",
    "attention",
    "draw",
    "pixels",
    "png",
]
