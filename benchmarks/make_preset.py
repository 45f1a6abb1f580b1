"""Makes a preset, which comes with the package, of a finished run.

Run `python benchmarks/make_preset.py runs/ram_mnist`. It writes
keras_attention/models/presets/RECIPE.keras and its card RECIPE.json; then
`compare_preset.py` puts other runs beside it, `preset_pictures.py` draws what
it looks at, and `results_page.py` writes docs/results.md anew.
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
    parser.add_argument("run", help="folder of the run")
    parser.add_argument(
        "--commit", help="of the source code, where the run does not tell it"
    )
    parser.add_argument("--folder", default=FOLDER, help="where to write")
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    options = parser.parse_args(arguments)
    card = training.write_preset(
        options.run,
        options.folder,
        commit=options.commit,
        data_dir=options.data_dir,
    )
    print(
        f"{card['name']}: {card['results']['error_percent']:.2f} % wrong, "
        f"{card['num_bytes']:,} bytes"
    )


if __name__ == "__main__":
    main()
