"""One HTML page that shows what a trained model does; it needs no network."""

import base64
import html
from collections.abc import Mapping, Sequence

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --line: #8884; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem;
         margin: 2rem auto; padding: 0 1rem; }}
  h1 {{ font-weight: 600; }}
  table {{ border-collapse: collapse; }}
  td, th {{ border-bottom: 1px solid var(--line); padding: .35rem 1rem;
           text-align: left; font-variant-numeric: tabular-nums; }}
  figure {{ margin: 2rem 0; }}
  figcaption {{ margin-bottom: .5rem; }}
  img {{ max-width: 100%; background: white; border-radius: 6px; }}
  svg {{ max-width: 100%; height: auto; }}
  svg text {{ fill: currentColor; font-size: 13px; }}
  .wide {{ overflow-x: auto; }}
</style>
<h1>{title}</h1>
<p>{introduction}</p>
<table>{rows}</table>
{blocks}
{figures}
</html>
"""


def page(
    title: str,
    introduction: str,
    figures_table: Mapping[str, str],
    pictures: Sequence[tuple[str, bytes]],
    blocks: Sequence[str] = (),
) -> str:
    """Writes a page.

    Args:
        title: Its heading.
        introduction: A paragraph.
        figures_table: Names and values, shown as a table.
        pictures: Captions and PNG files, which are put into the page.
        blocks: HTML to show between the table and the pictures, as it is.

    Returns:
        The HTML.
    """
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in figures_table.items()
    )
    figures = "\n".join(
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<img alt="{html.escape(caption)}" src="data:image/png;base64,'
        f'{base64.b64encode(png).decode()}"></figure>'
        for caption, png in pictures
    )
    return _PAGE.format(
        title=html.escape(title),
        introduction=html.escape(introduction),
        rows=rows,
        blocks="\n".join(blocks),
        figures=figures,
    )
