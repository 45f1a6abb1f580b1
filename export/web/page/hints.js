/** A line of advice under the canvas, with a remedy where there is one. */

import { part } from "./elements.js";

const TOO_LARGE = 1.5; // times the size that the model learned from
const TOO_SMALL = 0.6;
const BRIGHT = 0.5; // mean of a picture whose ground is bright

/**
 * Shows the advice that fits.
 *
 * @param {Object} scene what lies on the canvas.
 * @param {string} tool "draw" or "move".
 */
export function showHint(scene, tool) {
  const { text, remedy = "", act = "" } = adviceOn(scene, tool);
  const button = part("remedy");
  part("hint-text").textContent = text;
  button.hidden = !remedy;
  button.textContent = remedy;
  button.dataset.act = act;
}

function adviceOn(scene, tool) {
  if (scene.isEmpty) {
    return { text: "Draw, drop an image, or take a ready-made one." };
  }
  if (scene.picture) {
    return adviceOnPicture(scene, tool);
  }
  const size = scene.digits && scene.strokes.length ? scene.relativeSize : 1;
  const fit = { remedy: "Fit its size", act: "fit" };
  if (size > TOO_LARGE) {
    return { text: "Larger than what it learned to read.", ...fit };
  }
  if (size < TOO_SMALL) {
    return { text: "Smaller than what it learned to read.", ...fit };
  }
  return { text: tool === "move" ? movingHint : "" };
}

const movingHint = "Drag to move; wheel or two fingers change the size.";

function adviceOnPicture(scene, tool) {
  if (scene.isIntroduction && tool === "draw") {
    return { text: "An example. Draw anywhere to begin your own." };
  }
  if (scene.inverted) {
    return { text: "Inverted.", remedy: "As it was", act: "invert" };
  }
  if (scene.brightness > BRIGHT) {
    return {
      text: "It learned bright ink on black.",
      remedy: "Invert the image",
      act: "invert",
    };
  }
  const text = "Draw on it, and see what it reads then.";
  return { text: tool === "move" ? movingHint : text };
}
