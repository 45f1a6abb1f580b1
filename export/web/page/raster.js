/**
 * Rasters: images as the model takes them, and how picture files become one.
 *
 * A raster is {data, height, width, channels}, `data` a Float32Array of rows
 * of pixels of channels, in [0, 1].
 */

// The largest side that a picture is decoded at.
const MAX_SIDE = 2048;

/** A black raster. */
export function blank(height, width, channels) {
  const data = new Float32Array(height * width * channels);
  return { data, height, width, channels };
}

/**
 * Decodes a picture file; what is transparent becomes black.
 *
 * @param {Blob} blob PNG, JPEG or another format that the browser knows.
 * @param {number} channels 1 for grey, 3 for colours.
 */
export async function readPicture(blob, channels) {
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = contextOf(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return fromImageData(context.getImageData(0, 0, width, height), channels);
}

/** A 2-D context of a canvas of its own, made to be read. */
export function contextOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true });
}

function fromImageData({ data, width, height }, channels) {
  const raster = blank(height, width, channels);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3] / 255;
    const colours = data.subarray(4 * i, 4 * i + 3);
    for (let c = 0; c < channels; c++) {
      const value = channels === 1 ? grey(colours) : colours[c];
      raster.data[channels * i + c] = (value / 255) * alpha;
    }
  }
  return raster;
}

/** Brightness of a colour by ITU-R 601, as Python's Pillow rounds it. */
function grey([red, green, blue]) {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** The largest size of a raster's proportions that fits. */
export function fittedSize(raster, height, width) {
  const scale = Math.min(height / raster.height, width / raster.width);
  const side = (length, most) =>
    Math.min(most, Math.max(1, roundHalfEven(length * scale)));
  return [side(raster.height, height), side(raster.width, width)];
}

function roundHalfEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** Resizes bilinearly with antialiasing, as the package reads files. */
export function resized(raster, height, width) {
  if (raster.height === height && raster.width === width) {
    return raster;
  }
  const narrow = transposed(resizedRows(transposed(raster), width));
  return resizedRows(narrow, height);
}

/** Weights of the old pixels for each new one: triangles, wider to shrink. */
function weights(from, to) {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const shares = [];
    for (let p = first; p < end; p++) {
      shares.push(Math.max(0, 1 - Math.abs((p - centre + 0.5) / reach)));
    }
    const sum = shares.reduce((a, b) => a + b);
    return { first, shares: shares.map((share) => share / sum) };
  });
}

function resizedRows(raster, height) {
  const { width, channels } = raster;
  const result = blank(height, width, channels);
  const length = width * channels;
  weights(raster.height, height).forEach(({ first, shares }, row) => {
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let p = 0; p < shares.length; p++) {
        sum += shares[p] * raster.data[(first + p) * length + i];
      }
      result.data[row * length + i] = sum;
    }
  });
  return result;
}

function transposed({ data, height, width, channels }) {
  const result = blank(width, height, channels);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let c = 0; c < channels; c++) {
        result.data[(column * height + row) * channels + c] =
          data[(row * width + column) * channels + c];
      }
    }
  }
  return result;
}

/** Adds a raster to another one; what lies outside is left out. */
export function add(target, raster, top, left) {
  const { channels } = target;
  const firstRow = Math.max(0, -top);
  const endRow = Math.min(raster.height, target.height - top);
  const firstColumn = Math.max(0, -left);
  const endColumn = Math.min(raster.width, target.width - left);
  for (let row = firstRow; row < endRow; row++) {
    for (let column = firstColumn; column < endColumn; column++) {
      const to = ((row + top) * target.width + column + left) * channels;
      const from = (row * raster.width + column) * channels;
      for (let c = 0; c < channels; c++) {
        target.data[to + c] += raster.data[from + c];
      }
    }
  }
}

/** A part of a raster. */
export function cut({ data, width, channels }, top, left, rows, columns) {
  const piece = blank(rows, columns, channels);
  for (let row = 0; row < rows; row++) {
    const from = ((top + row) * width + left) * channels;
    const line = data.subarray(from, from + columns * channels);
    piece.data.set(line, row * columns * channels);
  }
  return piece;
}

/** The mean of all values of a raster. */
export function mean({ data }) {
  return data.reduce((sum, value) => sum + value, 0) / data.length;
}

/** Draws pixels on a canvas of their size: grey or colours, in [0, 1]. */
export function paint(canvas, data, height, width, channels) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[channels * i + (channels === 1 ? 0 : c)];
      image.data[4 * i + c] = Math.round(255 * value);
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
