/** What the retina sees in one look: a crop of each scale, large. */

import { stepColour } from "./colours.js";
import { copied, empty } from "./crops.js";
import { make } from "./elements.js";

export class Retina {
  /** @param {HTMLElement} element to fill. */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {Object[]} looks all of them.
   * @param {number} position the last of those shown, counted from 1.
   */
  show(looks, position) {
    // Before the first look its places stay, empty.
    const step = Math.max(position, 1) - 1;
    const { crops = [], squares } = looks[step] ?? {};
    const colour = stepColour(step, looks.length);
    this.element.classList.toggle("blind", position < 1);
    this.element.replaceChildren();
    crops.forEach((crop, scale) => {
      const figure = make(this.element, "figure");
      figure.style.setProperty("--step", colour);
      figure.append(position < 1 ? empty(crop) : copied(crop));
      const [left, , right] = squares[scale];
      const side = Math.round(right - left);
      const text = `${side} × ${side} pixels`;
      const caption = make(figure, "figcaption", "", text);
      make(caption, "small", "", sharpness(side / crop.size));
    });
  }
}

function sharpness(block) {
  return block > 1 ? `means of ${block} × ${block}` : "as they are";
}
