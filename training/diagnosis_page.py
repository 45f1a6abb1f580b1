"""Writes a diagnosis as JSON, and as one page that needs no network."""

import html
import json
from collections.abc import Sequence
from pathlib import Path

from . import plots
from .cells import CELLS, Worst
from .diagnosis import Diagnosis
from .page import page
from .rules import ADVICE, RULES
from .run_folder import RunFolder

POLICIES = {
    "learned": "as learned",
    "averaged": "average of samples",
    "sampled": "sampled",
    "random": "at random",
    "center": "at the centre",
    "oracle": "at the truth",
}
CELL_NAMES = {
    "hit_right": "In view, read correctly",
    "hit_wrong": "In view, read wrongly: the least doubted errors",
    "missed_right": "Out of view, read correctly",
    "missed_wrong": "Out of view, read wrongly: the least doubted errors",
    "right": "Read correctly, with most doubt",
    "wrong": "Read wrongly, with least doubt",
}
IN_VIEW = {
    "any_percent": "Object in view at any step",
    "last_percent": "Object in view at the last step",
}
SEVERAL_IN_VIEW = {
    "any_percent": "All objects in view at any step",
    "each_percent": "Each object in view at any step",
    "last_percent": "Each object in view at the last step",
}
# Classes that the page lists, those with most errors.
MOST_CLASSES = 20
CHART, LABEL, ROW = 360, 150, 26  # pixels


def write_diagnosis(diagnosis: dict, folder: str | Path) -> None:
    """Writes `diagnosis.json` and `index.html`, whole or not at all.

    Args:
        diagnosis: What `diagnose` returned. (One read from JSON has no
            pictures.)
        folder: Made if it is not there.

    Raises:
        OSError: If it cannot be written.
    """
    text = json.dumps(diagnosis, indent=2, allow_nan=False) + "\n"
    shown = _page(diagnosis)
    Path(folder).mkdir(parents=True, exist_ok=True)
    out = RunFolder(folder)
    out.write("diagnosis.json", lambda path: path.write_text(text))
    out.write("index.html", lambda path: path.write_text(shown, "utf-8"))


def _page(diagnosis: dict) -> str:
    worst = diagnosis.worst if isinstance(diagnosis, Diagnosis) else {}
    return page(
        f"Where {diagnosis['model']} fails",
        diagnosis["verdict"]["sentence"],
        _figures(diagnosis),
        [
            (CELL_NAMES[name], _picture(one, diagnosis["class_names"]))
            for name, one in worst.items()
        ],
        [
            _advice(diagnosis),
            _table(diagnosis),
            _bars(diagnosis["policies"]),
            _curves(diagnosis["policies"]),
            _classes(diagnosis["classes"], diagnosis["class_names"]),
            _rules(diagnosis["threshold"]),
        ],
    )


def _figures(diagnosis: dict) -> dict[str, str]:
    rows = {
        "Images": f"{diagnosis['num_images']:,}",
        "Error": _with_interval(diagnosis["policies"]["learned"]),
    }
    for name, title in (
        ("attention_error", "Attention error: as learned - at the truth"),
        ("recognition_error", "Recognition error: at the truth"),
    ):
        if diagnosis[name]:
            rows[title] = _with_interval(diagnosis[name])
    if diagnosis["views"]:
        seen, chance = (
            diagnosis["views"][name] for name in ("learned", "chance")
        )
        in_view = SEVERAL_IN_VIEW if diagnosis["num_objects"] > 1 else IN_VIEW
        for name, title in {
            **in_view,
            "share_percent": "Share of the object, or of the attention",
            "overlap_percent": "Overlap with the object (IoU)",
        }.items():
            if seen[name] is not None:
                rows[title] = (
                    f"{seen[name]:.1f} % (by chance {chance[name]:.1f} %)"
                )
    return rows


def _with_interval(figure: dict) -> str:
    low, high = figure["interval"]
    return f"{figure['percent']:.2f} % (95 %: {low:.2f} to {high:.2f})"


def _advice(diagnosis: dict) -> str:
    lines = [advice["sentence"] for advice in diagnosis["advice"]]
    lines += diagnosis["notes"]
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>Advice</h2><ul>{items}</ul>" if items else ""


def _table(diagnosis: dict) -> str:
    table = diagnosis["table"]
    if table is None:
        return ""
    return "<h2>In view, and right</h2>" + _rows(
        ["images", "right", "wrong"],
        [
            ["in view", table["hit_right"], table["hit_wrong"]],
            ["out of view", table["missed_right"], table["missed_wrong"]],
        ],
    )


def _classes(classes: list[dict], names: Sequence[str]) -> str:
    known = [row for row in classes if row["images"]]
    known.sort(key=lambda row: -row["error_percent"])
    cells = [name for name in CELLS if name in known[0]]
    header = [
        "class",
        "images",
        "error",
        *(c.replace("_", ", ") for c in cells),
    ]
    rows = [
        [
            html.escape(names[row["class"]]),
            row["images"],
            f"{row['error_percent']:.1f} %",
            *(row[name] for name in cells),
        ]
        for row in known[:MOST_CLASSES]
    ]
    return f"<h2>Classes, by their error</h2>{_rows(header, rows)}"


def _rows(header: Sequence, rows: Sequence[Sequence]) -> str:
    lines = ["".join(f"<th>{html.escape(str(cell))}</th>" for cell in header)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>{body}</table></div>'


def _bars(policies: dict) -> str:
    """A bar for the error of each policy, a line for its interval."""
    named = {name: policies[name] for name in POLICIES if name in policies}
    top = max(max(one["interval"][1] for one in named.values()), 1e-9)
    parts = []
    for i, (name, one) in enumerate(named.items()):
        y = i * ROW + ROW / 2
        x, low, high = (
            LABEL + value / top * CHART
            for value in (one["percent"], *one["interval"])
        )
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 4}" text-anchor="end">'
            f"{POLICIES[name]}</text>"
            f'<rect x="{LABEL}" y="{y - 8}" width="{x - LABEL:.1f}" '
            f'height="16" fill="{_colour(name)}"/>'
            f'<path d="M{low:.1f} {y}H{high:.1f}M{low:.1f} {y - 4}v8'
            f'M{high:.1f} {y - 4}v8" stroke="currentColor"/>'
            f'<text x="{max(x, high) + 8:.1f}" y="{y + 4}">'
            f"{one['percent']:.2f} %</text>"
        )
    return (
        "<h2>The same recogniser, looking elsewhere: its error</h2>"
        f"{_svg(ROW * len(named), parts)}"
    )


def _curves(policies: dict) -> str:
    """The error after each step, a line for each policy."""
    known = {
        name: policies[name]["errors_per_step_percent"]
        for name in POLICIES
        if name in policies and policies[name]["errors_per_step_percent"]
    }
    num_steps = max((len(steps) for steps in known.values()), default=0)
    if num_steps < 2:
        return ""
    height, top = 200, max(max(max(steps) for steps in known.values()), 1e-9)
    parts = [
        f'<path d="M{LABEL} 10V{height}H{LABEL + CHART}" fill="none" '
        'stroke="currentColor"/>',
        f'<text x="{LABEL - 8}" y="18" text-anchor="end">{top:.1f} %</text>',
        f'<text x="{LABEL - 8}" y="{height}" text-anchor="end">0 %</text>',
    ]
    x = [LABEL + CHART * (t + 0.5) / num_steps for t in range(num_steps)]
    parts += [
        f'<text x="{at:.0f}" y="{height + 18}" text-anchor="middle">'
        f"{t + 1}</text>"
        for t, at in enumerate(x)
    ]
    labels = _apart(
        [height - s[-1] / top * (height - 10) for s in known.values()]
    )
    # From the last to the first: what was learned lies on top.
    for (name, steps), label in reversed(
        list(zip(known.items(), labels, strict=True))
    ):
        y = [height - value / top * (height - 10) for value in steps]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke-width="2" '
            f'stroke="{_colour(name)}"/>'
            f'<text x="{x[-1] + 10:.0f}" y="{label + 4:.1f}">'
            f"{POLICIES[name]} {steps[-1]:.2f} %</text>"
        )
    return (
        "<h2>What each further step buys: the error after it</h2>"
        f"{_svg(height + 24, parts)}"
    )


def _apart(places: list[float], least: float = 15) -> list[float]:
    """Moves labels up until none covers another."""
    moved, above = list(places), float("inf")
    for i in sorted(range(len(places)), key=lambda i: -places[i]):
        moved[i] = above = min(places[i], above - least)
    return moved


def _svg(height: float, parts: list[str]) -> str:
    width = LABEL + CHART + 180
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img">{"".join(parts)}</svg>'
    )


def _colour(name: str) -> str:
    return {"learned": "#ee4266", "oracle": "#3a9d6b"}.get(name, "#8a8f98")


def _rules(threshold: float) -> str:
    rows = [
        [
            html.escape(name),
            html.escape(rule),
            html.escape(ADVICE.get(name, "")),
        ]
        for name, rule in RULES.items()
    ]
    return (
        "<details><summary>How this was found</summary>"
        "<p>The object is in view where the crop holds (or the attention lies "
        f"on) at least {threshold:g} of the largest share of it that is "
        "possible; of several objects, all have to be, each at some step. The "
        "verdict is the first rule that holds; the object is where the data "
        "set says. Errors are compared on the same images; the intervals hold "
        "95 of 100 bootstrap samples of them.</p>"
        f"{_rows(['rule', 'holds where', 'advice'], rows)}</details>"
    )


def _picture(worst: Worst, names: Sequence[str]) -> bytes:
    answers = worst.looked.final_scores.argmax(axis=-1)
    titles = [
        f"image {index}: {names[label]}, read as {names[answer]}"
        for index, label, answer in zip(
            worst.indices, worst.labels, answers, strict=True
        )
    ]
    figure = plots.draw(
        worst.looked,
        worst.images,
        titles=titles,
        boxes=worst.boxes,
        class_names=names,
    )
    return plots.png(figure)
