/** A button for each look: its number, what it saw, what was read so far. */

import { stepColour, textOnStep } from "./colours.js";
import { copied } from "./crops.js";
import { make, percent } from "./elements.js";
import { argmax } from "./looks.js";

export class Frames {
  /**
   * @param {HTMLOListElement} list to fill.
   * @param {string[]} labels names of the classes.
   * @param {function(number)} onChoose is told which look to show, from 1.
   */
  constructor(list, labels, onChoose) {
    Object.assign(this, { list, labels, onChoose });
    this.buttons = [];
  }

  /** Makes the buttons of an image's looks. */
  fill(looks) {
    this.list.replaceChildren();
    this.buttons = looks.map((look, step) =>
      this.button(look, step, looks.length),
    );
  }

  /** Shows how far it has looked, of as many looks as it takes. */
  show(position, length) {
    this.buttons.forEach((button, step) => {
      button.disabled = step >= length;
      button.classList.toggle("to-come", step >= position);
      button.ariaCurrent = step === position - 1 ? "step" : "false";
    });
  }

  button(look, step, total) {
    const button = make(make(this.list, "li"), "button");
    const best = argmax(look.probabilities);
    const label = this.labels[best];
    button.type = "button";
    button.style.setProperty("--step", stepColour(step, total));
    button.style.setProperty("--on-step", textOnStep(step, total));
    button.ariaLabel =
      `Glimpse ${step + 1}: ${label}, ` + percent(look.probabilities[best]);
    make(button, "span", "number", step + 1);
    if (look.crops) {
      button.append(copied(look.crops[0]));
    }
    make(button, "span", "read", label);
    button.addEventListener("click", () => this.onChoose(step + 1));
    return button;
  }
}
