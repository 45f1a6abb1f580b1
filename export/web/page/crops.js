/** Crops of the retina as canvases. */

import { paint } from "./raster.js";

/** The canvas of a crop {data, size, channels}, painted once. */
export function painted(crop) {
  crop.canvas ??= copied(crop);
  return crop.canvas;
}

/** A canvas of its own of a crop. */
export function copied(crop) {
  const { data, size, channels } = crop;
  return paint(empty(crop), data, size, size, channels);
}

/** An empty canvas of a crop's size. */
export function empty({ size }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  return canvas;
}
