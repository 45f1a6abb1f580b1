/** What a model did with an image, look by look, whatever its attention. */

import { row, rows } from "./model.js";

/**
 * @typedef {Object} Look one step of attention.
 * @property {number[]} probabilities of the classes after this look.
 * @property {number[]=} location (x, y) in [-1, 1].
 * @property {number[][]=} squares left, top, right, bottom of each scale in
 *   pixels, the finest first.
 * @property {Object[]=} crops what the retina saw at each scale: {data, size,
 *   channels}.
 * @property {Float32Array=} mask (height, width), how much each pixel counted.
 * @property {number[][][]=} outlines corners (x, y) of crops, in pixels.
 */

/**
 * Reads the outputs of a model.
 *
 * @param {Object} outputs of `Model.run`.
 * @param {number} channels of the image.
 * @returns {Look[]} at least one; models without attention look once.
 */
export function looksOf(outputs, channels) {
  const { location, squares, glimpses, masks, outlines } = outputs;
  const steps = outputs.step_probabilities;
  const longest = steps ?? squares ?? masks ?? outlines;
  const taken = outputs.num_glimpses?.data[0] ?? Infinity;
  const total = Math.min(taken, longest?.shape[0] ?? 1);
  return Array.from({ length: total }, (_, t) => ({
    probabilities: Array.from(
      steps ? row(steps, t).data : outputs.probabilities.data,
    ),
    // A transformer alone has one place, and no steps.
    location:
      location?.shape.length === 2 ? [...row(location, t).data] : undefined,
    squares: squares && rows(row(squares, t)).map(({ data }) => [...data]),
    crops: glimpses && cropsOf(row(glimpses, t), channels),
    mask: masks && row(masks, t).data,
    outlines:
      outlines &&
      rows(row(outlines, t)).map((corners) =>
        rows(corners).map(({ data }) => [...data]),
      ),
  }));
}

/** The scales of a glimpse (size, size, scales * channels), finest first. */
function cropsOf({ data, shape }, channels) {
  const [size, , depth] = shape;
  return Array.from({ length: depth / channels }, (_, scale) => {
    const crop = new Float32Array(size * size * channels);
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < channels; c++) {
        crop[i * channels + c] = data[i * depth + scale * channels + c];
      }
    }
    return { data: crop, size, channels };
  });
}

/** The number of the largest of some values. */
export function argmax(values) {
  return values.reduce((best, v, i) => (v > values[best] ? i : best), 0);
}
