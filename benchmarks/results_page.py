"""Writes docs/results.md from the cards of the presets.

Run `python benchmarks/results_page.py` after `make_preset.py`, and
`preset_pictures.py` for the pictures. Nothing on the page is written by hand
but the papers' rows and the texts below.
"""

import argparse
import statistics
from pathlib import Path

from keras_attention import models

PAGE = Path(__file__).parents[1] / "docs/results.md"

# Error in %: of the paper, in its final version, and of the best public code.
PAPERS = {
    "ram_mnist": ("RAM, 6 glimpses: 1.12", "0.85"),
    "ram_translated": ("RAM, 8 glimpses: 1.20", "1.08 with 6, 0.94 with 8"),
    "ram_cluttered60": ("RAM, 8 glimpses: 4.04", "3.33 with 6, 2.13 with 8"),
    "ram_cluttered100": (
        "RAM, 8 glimpses: 8.11",
        "5.9 with 8; DRAW's attention: 3.36",
    ),
    "st_cnn_rotated": ("ST-CNN: 0.7", ""),
    "st_cnn_rts": ("ST-CNN: 0.5", ""),
    "st_cnn_projective": ("ST-CNN: 0.8", ""),
    "st_cnn_elastic": ("ST-CNN: 1.1", ""),
    "st_cnn_cluttered": ("ST-CNN: 1.7", ""),
    "st_addition": ("2 ST-FCN, thin plate: 5.8", ""),
    "dram_pairs": ("DRAM: 5", ""),
    "rnn_spn": ("RNN-SPN: 1.5", ""),
}

TEXT = """# Results

Made by `python benchmarks/results_page.py` from the cards of the trained
models that come with the package (`keras_attention/models/presets`). Each is
loaded by `keras_attention.models.from_preset(NAME)` and tested by
`keras-attention evaluate NAME`; `keras-attention presets --evaluate` tests
all.

- *error*: of the official MNIST test digits (of `ram_digits`, of 400 digits of
  scikit-learn), one pass, looking where the model learned to look without
  sampling. Where several seeds were trained, their mean and in brackets the
  lowest and the highest come after it. Of 10,000 digits 1 % is known to 0.2
  (19 of 20 times), 5 % to 0.4.
- *validation*: of 5,000 of the training digits (200), which do not train; the
  epoch that is kept was chosen on them. Many recipes were changed after an
  earlier version of them had been tested on the test digits; this column, too,
  is of what was chosen.
- *paper*: of its final version. How a recipe departs from it, its file says
  (`training/recipes`).
- *pixels*: what the network is given of an image, all glimpses and scales
  together; a pixel of a coarse scale is the mean of several of the image. A
  spatial transformer, and what chooses among items, sees the whole image; so
  does `dram_pairs` once, in means of 8x8, to choose where to look first. Those
  of `st_addition` have two channels.
- *CPU*: seconds of the training on all cores together. Most ran beside other
  work, which makes them longer, and the machines differed in speed, up to
  threefold: that of `dram_pairs`, `ram_cluttered60`, `ram_cluttered100` and
  `ram_translated` was a slow one. (The epochs of the plain networks beside
  `ram_cluttered60` and `ram_translated` were chosen by what an epoch of either
  takes on one machine; that beside `ram_mnist` saw as many images.)
- All recipes: Adam, cosine decay of the learning rate, new canvases made on
  the fly, no augmentation beyond the task's own.
- The paper of `st_cnn_projective` moves corners by about 5 pixels at random:
  here that is the distance, root mean square. With 5 pixels along x and as many
  along y, where some digits are drawn out to rays or leave the image, the same
  network, trained and tested on those by the same command at the commit
  `bd6e61b22a2d`, was at 1.38 %: above the paper's 0.8, and only then the other
  reading was taken. Which of the two the paper has is not known. (Points of
  `st_cnn_elastic` move by 1.5 pixels along x and as many along y.)

"""
HEADER = (
    "| preset | task | error % | validation % | paper % | best public code % "
    "| glimpses | pixels | parameters | images seen | CPU |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)
CONTROLS = """
## Beside the presets

The same trained model made to look elsewhere, and, where they were trained,
models to compare with: the same recipe that looks at random places or at the
centre in training and in the test, and plain convolutional networks. Where one
of these has the smaller error, attention buys something else: with glimpses the
pixels that need not be read, with a transformer the box of what it read.
`cnn_narrow100` is narrow on purpose, for the costs below: what a plain network
can reach there it does not tell.

| preset | compared with | error % | parameters | images seen | CPU |
|---|---|---|---|---|---|
"""
# Recipes of networks without attention; one is no control, but for the costs.
PLAIN, NARROW = ("cnn_", "item_all_"), "cnn_narrow100"
ELSEWHERE = {
    "sampled": "at places sampled around those it learned",
    "random": "at random places",
    "center": "at the centre",
    "oracle": "where each digit is",
}
VERDICTS = """
## Looking or reading

What `keras-attention diagnose NAME` says of each; see [how it
decides](diagnosis.md).

"""
LOOKS = """
## What they look at

The first test image that each reads rightly, and the first that it does not;
dashed are the boxes of the digits, which no model was told.
"""
COST = """
## What an image costs

Glimpses read a part of the image, so that their cost grows less than it does.
`ram_cluttered100` and `cnn_narrow100`, a plain network of about as many errors
that reads all pixels, read test canvases of 100x100, each somewhere on a dark
image; 500 at each size. The glimpses find the canvas by two coarse ones more,
whose pixels are means; to average them is part of the time. Where the canvas is
the model has not learned to find: it is at the centre of brightness, by a rule
that would fail where the image around it is not dark. The plain network is the
faster of the two up to some 500 pixels a side.
(`python benchmarks/cost_of_size.py runs/cnn_narrow100`)

![Time, pixels and errors against the side of the image](cost.png)
"""
MADE = """
## How each was made

| preset or control | command | commit | bytes |
|---|---|---|---|
"""


def page(cards):
    """The page, in Markdown, of a list of cards."""
    parts = [TEXT, HEADER, *(row(card) for card in cards), CONTROLS]
    parts += [line for card in cards for line in control_rows(card)]
    parts += [compared(cards), VERDICTS]
    parts += [
        f"- `{card['name']}`: {card['verdict']}\n"
        for card in cards
        if card["verdict"] is not None
    ]
    parts.append(LOOKS)
    parts += [
        f"\n`{card['name']}`:\n\n"
        f"![What {card['name']} looks at](presets/{card['name']}.png)\n"
        for card in cards
    ]
    parts += [COST, MADE]
    parts += [line for card in cards for line in made_rows(card)]
    return "".join(parts)


def row(card):
    """The line of a preset."""
    paper, public = PAPERS.get(card["name"], ("", ""))
    cells = (
        f"`{card['name']}`",
        card["summary"],
        error(card),
        f"{100 * (1 - card['results']['validation_accuracy']):.2f}",
        paper,
        public,
        card["num_glimpses"] or "",
        f"{card['pixels_read']:,}",
        *cost(card["results"]),
    )
    return line(cells)


def error(card):
    """Its error, and beside it that of all seeds."""
    errors = [
        run["error_percent"] for run in (card["results"], *card["other_seeds"])
    ]
    own = f"**{errors[0]:.2f}**"
    if len(errors) == 1:
        return own
    return (
        f"{own}; {len(errors)} seeds: {statistics.mean(errors):.2f} "
        f"({min(errors):.2f} to {max(errors):.2f})"
    )


def control_rows(card):
    """The lines of what a preset is compared with."""
    name = f"`{card['name']}`"
    for policy, percent in card["elsewhere"].items():
        what = f"itself, looking {ELSEWHERE[policy]}"
        yield line((name, what, f"{percent:.2f}", "", "", ""))
    for run in card["controls"]:
        what = f"`{run['recipe']}`"
        if run.get("policy", "mode") != "mode":
            what += f", trained with the policy `{run['policy']}`"
        yield line((name, what, f"{run['error_percent']:.2f}", *cost(run)))


def compared(cards):
    """Which presets a plain network beats, and beside which there is none."""
    beaten, alone = [], []
    for card in cards:
        errors = plain_errors(card)
        if not errors:
            alone.append(f"`{card['name']}`")
        elif min(errors) < card["results"]["error_percent"]:
            beaten.append(f"`{card['name']}`")
    return (
        f"\nA plain network has the smaller error beside "
        f"{', '.join(beaten) or 'none'}; beside {', '.join(alone) or 'none'} "
        "there is none yet.\n"
    )


def plain_errors(card):
    """The errors of the plain networks beside a preset."""
    return [
        run["error_percent"]
        for run in card["controls"]
        if run["recipe"].startswith(PLAIN) and run["recipe"] != NARROW
    ]


def made_rows(card):
    """The lines of how a preset and its controls were made."""
    yield line((f"`{card['name']}`", *made(card), f"{card['num_bytes']:,}"))
    for control in card["controls"]:
        yield line((f"`{control['recipe']}`", *made(control), ""))


def made(run):
    """The cells about what made a model."""
    return f"`{run['command']}`", f"`{run['commit'][:12]}`"


def cost(run):
    """The cells about what a training took."""
    return (
        f"{run['parameters']:,}",
        f"{run['images_seen'] / 1e6:.2f} million",
        f"{run['training_cpu_seconds']:,} s",
    )


def line(cells):
    """A line of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    cards = [models.preset_card(name) for name in models.preset_names()]
    options.out.write_text(page(cards), "utf-8")


if __name__ == "__main__":
    main()
