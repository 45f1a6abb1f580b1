/**
 * What lies on the canvas: a picture, strokes, and pieces of clutter.
 *
 * The ink of all is added, as in the images that the model learned from.
 * Picture and strokes are "the thing": they move and change their size
 * together. Coordinates are pixels; (0, 0) is the centre of the first pixel.
 */

import { below, cutPiece } from "./clutter.js";
import { add, fittedSize, mean, resized } from "./raster.js";
import { StrokePainter } from "./strokes.js";

const STILL = { scale: 1, x: 0, y: 0 };
const SCALES = [0.1, 10];

export class Scene {
  /**
   * @param {Object} model its height, width and channels are the image's.
   * @param {Object=} digits raster, count, ink_size, stroke_width, piece_size
   *   and num_pieces of digits that come with the page.
   */
  constructor({ height, width, channels }, digits) {
    const side = Math.min(height, width);
    Object.assign(this, { height, width, channels, digits });
    this.thingSize = digits?.ink_size ?? 0.4 * side;
    this.pieceSize = digits?.piece_size || Math.round(side / 8);
    this.numPieces = digits?.num_pieces || 4;
    this.pen = digits?.stroke_width ?? Math.max(1.5, side / 16);
    this.painter = new StrokePainter(height, width, this.pen);
    this.clear();
  }

  clear() {
    this.picture = null;
    this.strokes = [];
    this.pieces = [];
    this.place = STILL;
    this.inverted = false;
    this.isIntroduction = false;
    this.undoing = [];
  }

  get isEmpty() {
    return !this.picture && !this.strokes.length && !this.pieces.length;
  }

  /** Takes back what was added last. */
  undo() {
    this.undoing.pop()?.();
  }

  /** Puts a picture on an empty canvas, as large as fits, in the middle. */
  setPicture(raster, isIntroduction) {
    this.clear();
    this.picture = raster;
    this.brightness = mean(raster);
    this.isIntroduction = isIntroduction;
    this.undoing.push(() => (this.picture = null));
  }

  /** Starts a line; the picture that the page began with makes way. */
  startStroke(point) {
    if (this.isIntroduction) {
      this.clear();
    }
    this.strokes.push([this.toThing(point)]);
    this.undoing.push(() => this.strokes.pop());
  }

  extendStroke(point) {
    this.strokes.at(-1).push(this.toThing(point));
  }

  /** Adds pieces of digits, or of the thing where no digits are known. */
  addClutter() {
    const { digits, pieceSize, numPieces } = this;
    const source = digits?.raster ?? this.thing();
    const pieces = Array.from({ length: numPieces }, () => ({
      raster: cutPiece(source, digits?.count ?? 1, pieceSize),
      top: below(this.height - pieceSize + 1),
      left: below(this.width - pieceSize + 1),
    }));
    this.pieces.push(...pieces);
    this.undoing.push(() => {
      this.pieces = this.pieces.filter((piece) => !pieces.includes(piece));
    });
  }

  /** What lies under a point and can be moved: a piece, else the thing. */
  at([x, y]) {
    const size = this.pieceSize;
    const inside = (offset) => offset >= -0.5 && offset < size - 0.5;
    return (
      this.pieces.findLast((p) => inside(x - p.left) && inside(y - p.top)) ??
      "thing"
    );
  }

  /** Moves the thing, or a piece, to where it was plus so many pixels. */
  move(what, from, dx, dy) {
    if (what === "thing") {
      this.place = { ...from, x: from.x + dx, y: from.y + dy };
    } else {
      what.left = Math.round(from.left + dx);
      what.top = Math.round(from.top + dy);
    }
  }

  /** Where the thing, or a piece, is now, for `move`. */
  whereIs(what) {
    return what === "thing" ? this.place : { ...what };
  }

  /** Makes the thing larger or smaller around a point that stays. */
  resize(factor, [x, y] = this.thingCentre()) {
    const [least, most] = SCALES;
    const before = this.place;
    const scale = Math.min(most, Math.max(least, before.scale * factor));
    const applied = scale / before.scale;
    this.place = {
      scale,
      x: x + (before.x - x) * applied,
      y: y + (before.y - y) * applied,
    };
  }

  /** Turns dark ink on a bright ground into what the model learned. */
  invert() {
    this.inverted = !this.inverted;
  }

  /** How large the drawing is compared with what the model learned from. */
  get relativeSize() {
    const [left, top, right, bottom] = this.strokeBounds();
    return (Math.max(right - left, bottom - top) + this.pen) / this.thingSize;
  }

  /** Makes the drawing as large as what the model learned from. */
  fit() {
    const [left, top, right, bottom] = this.strokeBounds();
    const extent = Math.max(right - left, bottom - top);
    this.resize(
      Math.max(1, this.thingSize - this.pen) / Math.max(1e-6, extent),
    );
  }

  /** All of it, (height, width, channels) of whole numbers 0-255. */
  pixels() {
    const sum = this.thing();
    for (const { raster, top, left } of this.pieces) {
      add(sum, raster, top, left);
    }
    return Uint8ClampedArray.from(sum.data, (value) => Math.round(255 * value));
  }

  thing() {
    const placed = this.strokes.map((s) => s.map((p) => this.fromThing(p)));
    const sum = this.painter.raster(placed, this.channels);
    if (this.picture) {
      const { raster, top, left } = this.placedPicture();
      add(sum, raster, top, left);
    }
    return sum;
  }

  placedPicture() {
    const { height, width, place } = this;
    const fitted = fittedSize(this.picture, height, width);
    const corner = (whole, side, offset) => {
      // Unmoved, it lies in the middle; its edge is half a pixel further out.
      const unmoved = Math.floor((whole - side) / 2) - 0.5;
      return Math.round(unmoved * place.scale + offset + 0.5);
    };
    return {
      raster: this.pictureOfSize(
        fitted.map((side) => Math.max(1, Math.round(side * place.scale))),
      ),
      top: corner(height, fitted[0], place.y),
      left: corner(width, fitted[1], place.x),
    };
  }

  /** The picture resized; kept, because moving it changes nothing of it. */
  pictureOfSize(size) {
    const key = [...size, this.inverted].join();
    if (this.sized?.key !== key || this.sized.picture !== this.picture) {
      const { picture } = this;
      const upright = this.inverted ? inverse(picture) : picture;
      const raster = resized(upright, ...size);
      this.sized = { key, picture, raster };
    }
    return this.sized.raster;
  }

  toThing([x, y]) {
    const { scale, x: left, y: top } = this.place;
    return [(x - left) / scale, (y - top) / scale];
  }

  fromThing([x, y]) {
    const { scale, x: left, y: top } = this.place;
    return [x * scale + left, y * scale + top];
  }

  thingCentre() {
    if (!this.strokes.length) {
      return this.fromThing([(this.width - 1) / 2, (this.height - 1) / 2]);
    }
    const [left, top, right, bottom] = this.strokeBounds();
    return [(left + right) / 2, (top + bottom) / 2];
  }

  /** Left, top, right, bottom of all points of the strokes. */
  strokeBounds() {
    const points = this.strokes.flat().map((point) => this.fromThing(point));
    const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
    return [
      Math.min(...xs),
      Math.min(...ys),
      Math.max(...xs),
      Math.max(...ys),
    ];
  }
}

function inverse(raster) {
  return { ...raster, data: raster.data.map((value) => 1 - value) };
}
