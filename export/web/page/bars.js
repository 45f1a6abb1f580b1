/** Probabilities of the classes: bars, each with its history. */

import { make, percent } from "./elements.js";
import { argmax } from "./looks.js";

const MOST_CLASSES = 10; // that are shown

export class Bars {
  /**
   * @param {HTMLOListElement} list to fill.
   * @param {string[]} labels names of the classes.
   */
  constructor(list, labels) {
    this.rows = labels.map((label) => {
      const item = make(list, "li");
      make(item, "span", "name", label);
      const bar = make(make(item, "span", "track"), "span", "bar");
      const value = make(item, "span", "value");
      const history = make(item, "span", "history");
      history.ariaHidden = "true";
      return { item, bar, value, history };
    });
  }

  /**
   * @param {Object[]} looks all of them.
   * @param {number} position how many to show.
   */
  show(looks, position) {
    const now = looks[position - 1]?.probabilities;
    const visible = new Set(this.mostProbable(looks));
    const best = now && argmax(now);
    this.rows.forEach(({ item, bar, value, history }, i) => {
      const probability = now?.[i] ?? 0;
      item.hidden = !visible.has(i);
      item.classList.toggle("best", i === best);
      bar.style.transform = `scaleX(${probability})`;
      value.textContent = now ? percent(probability) : "";
      history.replaceChildren();
      looks.forEach((look, step) => {
        const share = step < position ? look.probabilities[i] : 0;
        make(history, "i").style.setProperty("--share", share);
      });
    });
  }

  /** The classes to show: those that were most probable at some time. */
  mostProbable(looks) {
    const highest = this.rows.map((_, i) =>
      Math.max(0, ...looks.map((look) => look.probabilities[i])),
    );
    return [...highest.keys()]
      .sort((a, b) => highest[b] - highest[a])
      .slice(0, MOST_CLASSES);
  }
}
