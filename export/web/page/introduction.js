/** What the page begins with: an example that shows what looking is for. */

import { argmax, looksOf } from "./looks.js";
import { readPicture } from "./raster.js";

/**
 * Finds an example that is read right in the end, but not at first sight.
 *
 * @param {Object} model reads them.
 * @param {string[]} labels names of the classes.
 * @param {Object[]} examples file and label of each.
 * @returns {Promise<Object>} the first such example, else the first one.
 */
export async function pickIntroduction(model, labels, examples) {
  for (const example of examples) {
    const answer = await fetch(example.file);
    const image = await readPicture(await answer.blob(), model.channels);
    const looks = looksOf(await model.run(image.data), model.channels);
    const read = looks.map((look) => labels[argmax(look.probabilities)]);
    if (read[0] !== example.label && read.at(-1) === example.label) {
      return example;
    }
  }
  return examples[0];
}
