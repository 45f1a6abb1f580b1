/** The large canvas: pixels, and over them where the model looked. */

import { Chips } from "./chips.js";
import { stepChannels, stepColour } from "./colours.js";
import { painted } from "./crops.js";
import { paint } from "./raster.js";
import { edged, rectangle, shape } from "./svg.js";

// Side in pixels of the canvas that shows only what was seen.
const SEEN_SIDE = 1000;
const HEAT = 0.75; // opacity of what counts most in a mask
const COARSELY_SEEN = "#555"; // in a mask: how dark it stays

export class Stage {
  /**
   * @param {HTMLElement} element holds the canvases and the SVG.
   * @param {Object} model its height, width and channels are the image's.
   */
  constructor(element, { height, width, channels }) {
    Object.assign(this, { element, height, width, channels });
    const part = (id) => element.querySelector(`#${id}`);
    [this.canvas, this.seen, this.heat, this.svg] = [
      "pixels",
      "seen",
      "heat",
      "overlay",
    ].map(part);
    element.style.aspectRatio = `${width} / ${height}`;
    // Shapes are in pixels; the centre of the first one is (0, 0).
    this.svg.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`);
    this.unseen = shape(shape(this.svg, "defs"), "mask", { id: "unseen" });
    const whole = rectangle([-0.5, -0.5, width, height]);
    this.fog = shape(this.svg, "rect", {
      ...whole,
      class: "fog",
      mask: "url(#unseen)",
    });
    [this.trail, this.gaze] = ["trail", "gaze"].map((name) =>
      shape(this.svg, "g", { class: name }),
    );
    this.chips = new Chips(shape(this.svg, "g", { class: "chips" }), this);
    this.guide = shape(this.svg, "rect", { class: "guide", rx: 0.5 });
    this.zoom = Math.max(1, Math.round(SEEN_SIDE / Math.max(height, width)));
    this.seen.width = width * this.zoom;
    this.seen.height = height * this.zoom;
  }

  /** Pixels of the image that one of the screen is long. */
  get pixelsPerScreenPixel() {
    return this.width / Math.max(this.svg.clientWidth, 1);
  }

  /** Where on the image, in its pixels, a pointer is. */
  pointOf({ clientX, clientY }) {
    const box = this.svg.getBoundingClientRect();
    return [
      ((clientX - box.left) / box.width) * this.width - 0.5,
      ((clientY - box.top) / box.height) * this.height - 0.5,
    ];
  }

  /** Shows an image of whole numbers 0-255. */
  showPixels(pixels) {
    const data = Float32Array.from(pixels, (value) => value / 255);
    paint(this.canvas, data, this.height, this.width, this.channels);
  }

  /**
   * Shows the first looks of several.
   *
   * @param {Object[]} looks all of them.
   * @param {number} position how many to show.
   */
  showLooks(looks, position) {
    const shown = looks.slice(0, position);
    this.showUnseen(shown);
    this.showTrail(shown, looks.length);
    this.showGaze(shown.at(-1), position - 1, looks.length);
    this.chips.show(shown.map(outlineOf), looks.length);
    this.showSeen(shown);
    this.showHeat(shown.at(-1), position - 1, looks.length);
  }

  /** Shows how large to draw; false hides it. */
  showGuide(side) {
    const { width, height, guide } = this;
    const [x, y] = [width, height].map((whole) => (whole - 1 - side) / 2);
    const box = rectangle([x, y, x + side, y + side]);
    guide.classList.toggle("shown", Boolean(side));
    Object.entries(box).forEach(([key, value]) =>
      guide.setAttribute(key, value),
    );
    this.element.querySelector("#invitation").hidden = !side;
  }

  /** Shows only what was seen, or the whole image. */
  setOnlySeen(only) {
    this.seen.hidden = !only;
  }

  /** Leaves the parts dark that no square has covered, or only a wide one. */
  showUnseen(shown) {
    const { unseen, width, height } = this;
    const whole = rectangle([-0.5, -0.5, width, height]);
    unseen.replaceChildren();
    shape(unseen, "rect", { ...whole, fill: "white" });
    const seen = shown.filter((look) => look.squares);
    const clear = (square, fill) =>
      shape(unseen, "rect", { ...rectangle(square), fill });
    seen.forEach((look) => clear(look.squares.at(-1), COARSELY_SEEN));
    seen.forEach((look) => clear(look.squares[0], "black"));
    this.fog.classList.toggle("shown", seen.length > 0);
  }

  /** Draws the looks before the last one, and the way through all. */
  showTrail(shown, total) {
    this.trail.replaceChildren();
    const outlines = shown.map(outlineOf).filter(Boolean);
    const points = outlines.map(centreOf).join(" ");
    edged(this.trail, "polyline", { points }, "");
    outlines.slice(0, -1).forEach((corners, step) => {
      const attributes = { points: corners.join(" ") };
      edged(this.trail, "polygon", attributes, stepColour(step, total));
    });
  }

  /** Draws the squares or outlines of the last look; they glide there. */
  showGaze(look, step, total) {
    const corners = [
      ...(look?.squares?.map(cornersOf) ?? []),
      ...(look?.outlines ?? []),
    ];
    this.gaze.replaceChildren();
    if (!corners.length) {
      // A group of its own, because a first look glides from nowhere.
      const fresh = this.gaze.cloneNode();
      fresh.removeAttribute("style");
      this.gaze.replaceWith(fresh);
      this.gaze = fresh;
      return;
    }
    const [x, y] = centreOf(corners[0]);
    for (const outline of corners.reverse()) {
      const points = outline.map((corner) => [corner[0] - x, corner[1] - y]);
      const attributes = { points: points.join(" ") };
      edged(this.gaze, "polygon", attributes, stepColour(step, total));
    }
    this.gaze.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** Draws what the retina saw where it saw it, sharp over coarse. */
  showSeen(shown) {
    const context = this.seen.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.seen.width, this.seen.height);
    const { zoom } = this;
    context.setTransform(zoom, 0, 0, zoom, zoom / 2, zoom / 2);
    context.imageSmoothingEnabled = false;
    const numScales = shown[0]?.crops?.length ?? 0;
    for (let scale = numScales - 1; scale >= 0; scale--) {
      for (const { crops, squares } of shown) {
        const { x, y, width, height } = rectangle(squares[scale]);
        context.drawImage(painted(crops[scale]), x, y, width, height);
      }
    }
  }

  /** Tints the pixels by how much they counted, for masks. */
  showHeat(look, step, total) {
    this.heat.hidden = !look?.mask;
    if (this.heat.hidden) {
      return;
    }
    const { width, height } = this;
    this.heat.width = width;
    this.heat.height = height;
    const image = new ImageData(width, height);
    const most = look.mask.reduce((a, b) => Math.max(a, b), 1e-9);
    const channels = stepChannels(step, total);
    look.mask.forEach((value, i) =>
      image.data.set([...channels, (255 * HEAT * value) / most], 4 * i),
    );
    this.heat.getContext("2d").putImageData(image, 0, 0);
  }
}

/** The corners that stand for a look: its finest square, its first outline. */
function outlineOf(look) {
  return look.squares ? cornersOf(look.squares[0]) : look.outlines?.[0];
}

function cornersOf([left, top, right, bottom]) {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

function centreOf(corners) {
  return [0, 1].map(
    (axis) =>
      corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length,
  );
}
