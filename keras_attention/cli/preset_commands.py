"""The command about the trained models that come with the package."""

import json

import click

from keras_attention_cli.command import command, data_dir_option, json_option


@click.command()
@click.option(
    "--evaluate", is_flag=True, help="Test each on its recipe's test set."
)
@data_dir_option
@json_option
def presets(evaluate: bool, data_dir: str | None, as_json: bool) -> None:
    """List the trained models that come with the package.

    With --evaluate the errors are measured here, and it is an error where one
    is not that of the model's card to the second decimal.
    """
    with command(as_json):
        from keras_attention import models

        cards = {
            name: models.preset_card(name) for name in models.preset_names()
        }
        if evaluate:
            from keras_attention_cli.jobs import evaluate_presets

            cards = evaluate_presets(cards, data_dir)
    if as_json:
        click.echo(json.dumps(cards))
        return
    for name, card in cards.items():
        error = card["results"]["error_percent"]
        here = f", here {card['here']:.2f} %" if evaluate else ""
        click.echo(f"{name:20}{error:6.2f} % wrong{here}  {card['summary']}")
