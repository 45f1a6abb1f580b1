"""What follows from the figures of a diagnosis: one sentence, and advice.

Each rule is a line of `rules.RULES` and a function of the figures. The first
finding that holds is the verdict; all advice that holds is given.

A difference of two frequencies counts where it is more than three standard
errors, sqrt(p (1 - p) / n + q (1 - q) / m).
"""

import math
from collections.abc import Callable

from .rules import ADVICE

HEALTHY_PERCENT = 5.0
ENOUGH = 10
MOST, FEW = 2 / 3, 1 / 3
STANDARD_ERRORS = 3.0
SAME_PLACES = 0.05


def judge(figures: dict) -> dict:
    """Finds the verdict and the advice.

    Args:
        figures: Those of a diagnosis.

    Returns:
        Dict of `verdict`: its `finding`, a name among `rules.RULES`, and its
        `sentence`; and of `advice`: a list of `rule` and `sentence`.
    """
    finding = next(name for name, holds in FINDINGS.items() if holds(figures))
    rules = [
        name
        for name in ADVICE
        if name == finding
        or (name == _part(figures) and finding in ("healthy", "few_errors"))
        or (name in FURTHER and FURTHER[name](figures))
    ]
    return {
        "verdict": {
            "finding": finding,
            "sentence": _sentence(figures, finding),
        },
        "advice": [{"rule": name, "sentence": ADVICE[name]} for name in rules],
    }


def _learned(figures: dict) -> dict:
    return figures["policies"]["learned"]


def _remaining(figures: dict) -> float | None:
    """What part of the error remains at the truth."""
    if figures["recognition_error"] is None or not _learned(figures)["errors"]:
        return None
    error = _learned(figures)["percent"]
    return figures["recognition_error"]["percent"] / error


def _part(figures: dict) -> str | None:
    """Whose most of the error is."""
    remaining = _remaining(figures)
    if remaining is None or _learned(figures)["errors"] < ENOUGH:
        return None
    if remaining >= MOST:
        return "recogniser"
    return "attention" if remaining <= FEW else "both"


def _has_small_crop(figures: dict) -> bool:
    widest = figures["widest_share_percent"]
    return _part(figures) == "recogniser" and (
        widest is not None and widest < 50
    )


def _confuses(figures: dict) -> bool:
    confused = figures["confused"]
    return (
        _part(figures) == "recogniser"
        and figures["num_classes"] > 2
        and confused is not None
        and confused["errors"] >= max(ENOUGH, confused["of_errors"] / 2)
    )


def _stays(figures: dict) -> bool:
    spread = figures["spread"]
    return _part(figures) == "attention" and (
        spread is not None and spread < SAME_PLACES
    )


def _blind_half(figures: dict) -> tuple[str, str] | None:
    """The half that is not looked at, and the other; None if there is none."""
    halves = figures["halves"]
    if _part(figures) != "attention" or halves is None:
        return None
    chance = figures["views"]["chance"]["each_percent"]
    total = figures["num_images"] * figures["num_objects"]
    pairs = [("left", "right"), ("top", "bottom")]
    for low, high in [*pairs, *(pair[::-1] for pair in pairs)]:
        count, others = halves[low]["objects"], halves[high]["objects"]
        if min(count, others) < ENOUGH:
            continue
        missed, seen = halves[low]["hit_percent"], halves[high]["hit_percent"]
        if (
            missed < seen / 2
            and _above(seen, others, missed, count)
            and _above(seen, others, chance, total)
        ):
            return low, high
    return None


def _is_untaught(figures: dict) -> bool:
    return (
        _part(figures) == "recogniser"
        and _sees_no_more_than_chance(figures)
        and not _place_matters(figures)
        and not _answers_from_context(figures)
    )


def _is_unlearned(figures: dict) -> bool:
    return _part(figures) == "attention" and _sees_no_more_than_chance(figures)


def _sees_no_more_than_chance(figures: dict) -> bool:
    if figures["views"] is None:
        return False
    seen, chance = (
        figures["views"][name]["any_percent"] for name in ("learned", "chance")
    )
    count = figures["num_images"]
    return chance < 90 and not _above(seen, count, chance, count)


def _place_matters(figures: dict) -> bool:
    random = figures["policies"].get("random")
    if random is None:
        return False
    count = figures["num_images"]
    return _above(random["percent"], count, _learned(figures)["percent"], count)


def _answers_from_context(figures: dict) -> bool:
    table = figures["table"]
    # Of several objects, one is often read with another out of view.
    if table is None or figures["num_objects"] > 1:
        return False
    right, count = (
        table["missed_right"],
        sum(table[name] for name in ("missed_right", "missed_wrong")),
    )
    return right >= max(ENOUGH, table["hit_right"]) and _above(
        100 * right / count, count, 100 / figures["num_classes"], count
    )


def _is_loose(figures: dict) -> bool:
    if figures["kind"] != "transformer" or figures["views"] is None:
        return False
    seen = figures["views"]["learned"]
    return seen["any_percent"] >= 50 and seen["overlap_percent"] < 20


def _still_falls(figures: dict) -> bool:
    steps = _learned(figures)["errors_per_step_percent"]
    if not steps or len(steps) < 2 or _learned(figures)["errors"] < ENOUGH:
        return False
    return steps[-1] <= 0.9 * steps[-2]


def _truth_is_worse(figures: dict) -> bool:
    error = figures["attention_error"]
    return error is not None and error["interval"][1] < 0


def _above(percent: float, n: int, other: float, m: int) -> bool:
    """Whether a frequency is above another, beyond what is accidental."""
    p, q = percent / 100, other / 100
    error = math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return p - q > STANDARD_ERRORS * error


FINDINGS: dict[str, Callable[[dict], bool]] = {
    "healthy": lambda figures: _learned(figures)["percent"] <= HEALTHY_PERCENT,
    "few_errors": lambda figures: _learned(figures)["errors"] < ENOUGH,
    "untaught": _is_untaught,
    "crop": _has_small_crop,
    "confused": _confuses,
    "recogniser": lambda figures: _part(figures) == "recogniser",
    "same_places": _stays,
    "blind": lambda figures: _blind_half(figures) is not None,
    "unlearned": _is_unlearned,
    "attention": lambda figures: _part(figures) == "attention",
    "both": lambda figures: _part(figures) == "both",
    "place_matters": _place_matters,
    "place_does_not_matter": lambda figures: "random" in figures["policies"],
    "unknown": lambda figures: True,
}
# Advice that does not depend on the verdict.
FURTHER: dict[str, Callable[[dict], bool]] = {
    "crop": _has_small_crop,
    "confused": _confuses,
    "same_places": _stays,
    "blind": lambda figures: _blind_half(figures) is not None,
    "unlearned": _is_unlearned,
    "truth_is_worse": _truth_is_worse,
    "context": _answers_from_context,
    "loose": _is_loose,
    "more_glimpses": _still_falls,
}


def _sentence(figures: dict, finding: str) -> str:
    error = f"{_learned(figures)['percent']:.3g} % of the answers are wrong"
    shares = _shares(figures)
    if finding == "healthy":
        return f"Healthy: {error}{shares and '; ' + shares}."
    return f"{error}; {shares and shares + ': '}{_what(figures, finding)}."


def _shares(figures: dict) -> str:
    """How the errors are divided, in words."""
    errors, table = _learned(figures)["errors"], figures["table"]
    if not errors or table is None:
        return ""
    in_view = _of(table["hit_wrong"], errors)
    in_view = "none of the" if in_view == "none" else in_view
    oracle = figures["policies"]["oracle"]["errors"]
    remain = _of(oracle, errors) if oracle < errors else "no fewer"
    what, _, that_is = _words(figures)
    return (
        f"{in_view} errors are made with {what} in view, and "
        f"{remain} remain when it is shown where {that_is}"
    )


def _words(figures: dict) -> tuple[str, str, str]:
    """What has to be in view, with its verb, and a pronoun with it."""
    if figures["num_objects"] > 1:
        return "all objects", "are", "they are"
    return "the object", "is", "that is"


def _of(part: int, whole: int) -> str:
    """Such as "7 of 10", or exactly where there are fewer than ten."""
    if part in (0, whole):
        return "all" if part else "none"
    if whole < ENOUGH:
        return f"{part} of {whole}"
    tenths = 10 * part / whole
    if tenths <= 0.5:  # 0.5 is written as 0
        return "fewer than 1 of 10"
    return f"{tenths:.0f} of 10" if tenths < 9.5 else "more than 9 of 10"


def _what(figures: dict, finding: str) -> str:
    """What the verdict says to do."""
    if finding == "confused":
        confused = figures["confused"]
        names = [figures["class_names"][i] for i in confused["classes"]]
        return (
            f"work on the recogniser, {confused['errors']} of "
            f"{confused['of_errors']} errors in reading take the classes "
            f"{' and '.join(names)} for each other"
        )
    if finding == "crop":
        return (
            "the crop is too small, the widest can show "
            f"{figures['widest_share_percent']:.0f} % of the object"
        )
    if finding == "blind":
        half, other = _blind_half(figures)
        missed, seen = (
            figures["halves"][name]["hit_percent"] for name in (half, other)
        )
        return (
            f"work on where it looks, it is blind to the {half} half (in view "
            f"in {missed:.0f} % there, in {seen:.0f} % of the {other} half)"
        )
    if finding in ("unlearned", "untaught"):
        seen, chance = (
            figures["views"][name]["any_percent"]
            for name in ("learned", "chance")
        )
        first = " first" if finding == "untaught" else ""
        what, is_, _ = _words(figures)
        return (
            f"work on where it looks{first}, {what} {is_} in view in "
            f"{seen:.0f} % of the images and would be in {chance:.0f} % by "
            "chance"
        )
    if finding in ("place_matters", "place_does_not_matter"):
        random = figures["policies"]["random"]["percent"]
        return (
            f"at random places {random:.3g} %, so where it looks "
            f"{'matters' if finding == 'place_matters' else 'gains nothing'}"
        )
    return {
        "few_errors": "too few errors to say where they come from",
        "recogniser": "work on the recogniser",
        "same_places": "work on where it looks, it looks at the same places "
        "in every image",
        "attention": "work on where it looks",
        "both": "work on both, where it looks and how it reads",
        "unknown": "whose errors they are cannot be told without boxes, and an "
        "`item_grid` where it looks at items",
    }[finding]
