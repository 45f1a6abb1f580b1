/** Drawn strokes as pixels: thick round lines, averaged over each pixel. */

import { blank, contextOf } from "./raster.js";

// Side in pixels of what strokes are drawn on before it is averaged.
const FINE_SIDE = 512;

export class StrokePainter {
  /**
   * @param {number} height of the image.
   * @param {number} width of the image.
   * @param {number} pen width of the strokes, in pixels.
   */
  constructor(height, width, pen) {
    this.height = height;
    this.width = width;
    this.pen = pen;
    this.fine = Math.max(2, Math.round(FINE_SIDE / Math.max(height, width)));
    this.context = contextOf(width * this.fine, height * this.fine);
  }

  /**
   * @param {number[][][]} strokes points (x, y) of each, in pixels.
   * @param {number} channels of the raster.
   */
  raster(strokes, channels) {
    const raster = blank(this.height, this.width, channels);
    if (strokes.length) {
      this.draw(strokes);
      this.average(raster);
    }
    return raster;
  }

  draw(strokes) {
    const { context, fine } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    // The centre of the first pixel is (0, 0).
    context.setTransform(fine, 0, 0, fine, fine / 2, fine / 2);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = this.pen;
    for (const [first, ...others] of strokes) {
      context.beginPath();
      context.moveTo(...first);
      // A point alone is drawn as a dot.
      (others.length ? others : [first]).forEach((p) => context.lineTo(...p));
      context.stroke();
    }
  }

  average({ data, channels }) {
    const { height, width, fine } = this;
    const length = width * fine;
    const ink = this.context.getImageData(0, 0, length, height * fine).data;
    for (let i = 0; i < height * width; i++) {
      const corner = Math.floor(i / width) * fine * length + (i % width) * fine;
      let sum = 0;
      for (let row = 0; row < fine; row++) {
        for (let column = 0; column < fine; column++) {
          sum += ink[4 * (corner + row * length + column) + 3];
        }
      }
      const mean = sum / (255 * fine * fine);
      data.fill(mean, i * channels, (i + 1) * channels);
    }
  }
}
