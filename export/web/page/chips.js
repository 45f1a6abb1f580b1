/** Numbers of the looks, on their outlines, beside each other. */

import { stepColour, textOnStep } from "./colours.js";
import { shape } from "./svg.js";

const RADIUS = 9; // pixels of the screen
const PER_SIDE = 8; // places along a side of an outline

export class Chips {
  /**
   * @param {SVGGElement} group to draw in.
   * @param {Object} stage tells the size of the image and of the screen.
   */
  constructor(group, stage) {
    this.group = group;
    this.stage = stage;
  }

  /**
   * @param {number[][][]} outlines corners (x, y) of each look, if it has any.
   * @param {number} total number of looks there are.
   */
  show(outlines, total) {
    const radius = RADIUS * this.stage.pixelsPerScreenPixel;
    const taken = [];
    this.group.replaceChildren();
    outlines.forEach((corners, step) => {
      if (corners) {
        const places = along(corners).map((p) => this.inside(p, radius));
        taken.push(free(places, taken, 2 * radius));
        this.draw(taken.at(-1), radius, step, total);
      }
    });
  }

  /** The place, or the nearest one where a number is inside the image. */
  inside(place, radius) {
    const { width, height } = this.stage;
    const margin = 1.2 * radius - 0.5;
    return [width, height].map((side, axis) =>
      Math.min(Math.max(place[axis], margin), side - 1 - margin),
    );
  }

  draw([x, y], radius, step, total) {
    const chip = shape(this.group, "g", { transform: `translate(${x} ${y})` });
    shape(chip, "circle", { r: radius, fill: stepColour(step, total) });
    const number = shape(chip, "text", {
      fill: textOnStep(step, total),
      "font-size": 1.25 * radius,
      dy: "0.35em",
    });
    number.textContent = step + 1;
  }
}

/** Points along an outline: its corners first, then between them. */
function along(corners) {
  return Array.from({ length: PER_SIDE }, (_, i) =>
    corners.map((corner, c) => {
      const next = corners[(c + 1) % corners.length];
      return corner.map((v, axis) => v + ((next[axis] - v) * i) / PER_SIDE);
    }),
  ).flat();
}

/** The first place that no number covers, or the least covered one. */
function free(places, taken, apart) {
  const distances = places.map(([x, y]) =>
    taken.reduce(
      (least, [a, b]) => Math.min(least, Math.hypot(x - a, y - b)),
      Infinity,
    ),
  );
  const first = distances.findIndex((distance) => distance >= apart);
  const farthest = distances.indexOf(Math.max(...distances));
  return places[first >= 0 ? first : farthest];
}
