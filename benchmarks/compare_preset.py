"""Puts other runs beside a preset: other seeds, and models to compare with.

Run `python benchmarks/compare_preset.py st_cnn_rotated --control
runs/cnn_rotated`. It writes them into the preset's card; then
`python benchmarks/results_page.py` writes docs/results.md anew.
"""

import argparse
from pathlib import Path

from keras_attention import training

FOLDER = Path(__file__).parents[1] / "keras_attention/models/presets"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="of the preset")
    parser.add_argument(
        "--seed-run",
        action="append",
        default=[],
        help="folder of a run with another seed; may be given several times",
    )
    parser.add_argument(
        "--control",
        action="append",
        default=[],
        help="folder of a run to compare with; may be given several times",
    )
    parser.add_argument("--folder", default=FOLDER, help="of the presets")
    options = parser.parse_args(arguments)
    training.compare_preset(
        options.name,
        options.folder,
        others=tuple(options.seed_run),
        controls=tuple(options.control),
    )


if __name__ == "__main__":
    main()
