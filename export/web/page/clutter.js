/** Pieces cut out of digits, which are not to be read. */

import { cut, mean } from "./raster.js";

const NUM_TRIES = 30;
const LEAST_INK = 0.12; // mean of a piece that can be seen

/**
 * Cuts a square out of a raster, where there is ink.
 *
 * @param {Object} source raster: `count` images, one below the other.
 * @param {number} count how many.
 * @param {number} side of the piece.
 */
export function cutPiece(source, count, side) {
  const height = source.height / count;
  let best = null;
  for (let i = 0; i < NUM_TRIES; i++) {
    const top = below(count) * height + below(height - side + 1);
    const piece = cut(source, top, below(source.width - side + 1), side, side);
    if (!best || mean(piece) > mean(best)) {
      best = piece;
    }
    if (mean(best) >= LEAST_INK) {
      break;
    }
  }
  return best;
}

/** A random whole number below a limit. */
export function below(limit) {
  return Math.floor(Math.random() * limit);
}
