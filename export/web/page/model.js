/** The model: a TFLite file of batch one, which LiteRT.js runs. */

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

export class Model {
  /**
   * Loads the runtime and a model.
   *
   * @param {string} file address of the TFLite file.
   * @param {string} runtime address of the folder of LiteRT.js's WebAssembly.
   */
  static async load(file, runtime) {
    const answer = await fetch(file);
    if (!answer.ok) {
      throw new Error(`${file} cannot be loaded (${answer.status})`);
    }
    const content = new Uint8Array(await answer.arrayBuffer());
    await loadLiteRt(runtime);
    return new Model(await loadAndCompile(content, { accelerator: "wasm" }));
  }

  constructor(compiled) {
    this.compiled = compiled;
    const [input] = compiled.getInputDetails();
    [, this.height, this.width, this.channels] = input.shape;
  }

  /**
   * Runs the model on one image.
   *
   * @param {Float32Array} pixels (height, width, channels) in [0, 1].
   * @returns {Promise<Object>} for each output its {data, shape}, without the
   *   axis of the batch.
   */
  async run(pixels) {
    const { height, width, channels } = this;
    const image = new Tensor(pixels, [1, height, width, channels]);
    const tensors = await this.compiled.run({ image });
    image.delete();
    const outputs = {};
    for (const { name, shape } of this.compiled.getOutputDetails()) {
      const data = tensors[name].toTypedArray();
      outputs[name] = { data, shape: Array.from(shape).slice(1) };
      tensors[name].delete();
    }
    return outputs;
  }
}

/** Row `index` of a {data, shape} along its first axis. */
export function row({ data, shape }, index) {
  const rest = shape.slice(1);
  const size = rest.reduce((a, b) => a * b, 1);
  const part = data.subarray(index * size, (index + 1) * size);
  return { data: part, shape: rest };
}

/** All rows of a {data, shape} along its first axis. */
export function rows(tensor) {
  return Array.from({ length: tensor.shape[0] }, (_, i) => row(tensor, i));
}
