/** The page: what happens when. */

import { part } from "./elements.js";
import { showHint } from "./hints.js";
import { pickIntroduction } from "./introduction.js";
import { looksOf } from "./looks.js";
import { Model } from "./model.js";
import { listenForPictures, showExamples } from "./pictures.js";
import { Playback } from "./playback.js";
import { Pointer } from "./pointer.js";
import { readPicture } from "./raster.js";
import { Report, showProblem } from "./report.js";
import { Scene } from "./scene.js";
import { Stage } from "./stage.js";

const AFTER_DRAWING = 650; // milliseconds of rest until it looks
const FACTOR = 1.15; // of a button that changes the size

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Ties the parts together. */
class Page {
  constructor(model, labels, digits) {
    this.model = model;
    this.looks = [];
    this.mostLooks = Infinity;
    this.scene = new Scene(model, digits);
    this.stage = new Stage(part("stage"), model);
    this.playback = new Playback(() => this.show());
    this.report = new Report(labels, (step) => this.playback.go(step));
    this.pointer = new Pointer(this.stage, this.scene, {
      change: () => this.change(),
      rest: (drawn) => this.rest(drawn),
      clear: () => this.alter(() => this.scene.clear()),
    });
    listenForPictures((blob) => this.take(blob));
    this.listenToTools();
    this.listenToPlayback();
  }

  listenToTools() {
    const { scene } = this;
    const click = (id, act) =>
      part(id).addEventListener("click", () => this.alter(act));
    click("smaller", () => scene.resize(1 / FACTOR));
    click("larger", () => scene.resize(FACTOR));
    click("undo", () => scene.undo());
    click("clear", () => scene.clear());
    part("clutter").addEventListener("click", async () => {
      await this.alter(() => scene.addClutter());
      this.look();
    });
    part("remedy").addEventListener("click", async ({ target }) => {
      await this.alter(() => scene[target.dataset.act]());
      this.look();
    });
    for (const tool of document.getElementsByName("tool")) {
      tool.addEventListener("change", () => {
        this.pointer.tool = document.body.dataset.tool = tool.value;
        this.show();
      });
    }
  }

  listenToPlayback() {
    const { playback } = this;
    const click = (id, act) => part(id).addEventListener("click", act);
    click("play", () => playback.toggle());
    click("previous", () => playback.go(playback.position - 1));
    click("next", () => playback.go(playback.position + 1));
    part("length").addEventListener("input", ({ target }) => {
      const most = Number(target.value);
      this.mostLooks = most < this.looks.length ? most : Infinity;
      playback.setLength(most);
    });
    part("only-seen").addEventListener("change", () => this.show());
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("resize", () => this.show());
  }

  key(event) {
    const buttons = { " ": "play", ArrowLeft: "previous", ArrowRight: "next" };
    const button = buttons[event.key];
    // On a control the same keys work that control.
    const onControl = event.target.closest("button, input, a");
    if (button && !onControl && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      part(button).click();
    }
  }

  /**
   * Puts a picture on the canvas, and looks at it.
   *
   * @param {Blob} blob its file.
   * @param {string=} truth the right answer, where it is known.
   * @param {boolean=} isIntroduction whether a drawing takes its place.
   */
  async take(blob, truth, isIntroduction = false) {
    try {
      const picture = await readPicture(blob, this.model.channels);
      this.scene.setPicture(picture, isIntroduction);
    } catch {
      showProblem("This file is no picture that the browser can read.");
      return;
    }
    showProblem("");
    this.truth = truth;
    await this.change();
    this.look();
  }

  /** Puts an example on the canvas: `take` of its address. */
  async open(file, ...others) {
    const answer = await fetch(file);
    await this.take(await answer.blob(), ...others);
  }

  async alter(act) {
    act();
    await this.change();
  }

  /** After a change: shows the image, and all looks at it. */
  async change() {
    clearTimeout(this.resting);
    const { scene, playback } = this;
    if (!scene.picture || scene.strokes.length) {
      this.truth = undefined; // what was drawn, nobody has labelled
    }
    const pixels = scene.pixels();
    this.stage.showPixels(pixels);
    await this.run(pixels);
    playback.setLength(Math.min(this.mostLooks, this.looks.length));
  }

  /** Runs the model; of several images in a row the last one counts. */
  async run(pixels) {
    const running = this.model.run(Float32Array.from(pixels, (v) => v / 255));
    this.running = running;
    const outputs = await running;
    if (running === this.running) {
      this.looks = looksOf(outputs, this.model.channels);
      this.report.setLooks(this.looks);
    }
  }

  /** When the hand is lifted after drawing: looks, if it stays so. */
  rest(drawn) {
    if (drawn) {
      this.resting = setTimeout(() => this.look(), AFTER_DRAWING);
    }
  }

  /** Looks from the start; where motion is not wanted, all is shown already. */
  look() {
    if (!this.scene.isEmpty && !calm.matches) {
      this.playback.replay();
    }
  }

  show() {
    const { scene, stage, playback, looks } = this;
    const { position, length, playing } = playback;
    const { isEmpty } = scene;
    stage.showLooks(isEmpty ? [] : looks, position);
    stage.showGuide(isEmpty && scene.thingSize);
    stage.setOnlySeen(part("only-seen").checked && !isEmpty);
    this.report.show(playback, isEmpty, this.truth);
    showHint(scene, this.pointer.tool);
    for (const [id, disabled] of Object.entries({
      undo: !scene.undoing.length,
      clear: isEmpty,
      clutter: isEmpty && !scene.digits,
      play: isEmpty,
      previous: isEmpty || position <= 1,
      next: isEmpty || position >= length,
    })) {
      part(id).disabled = disabled;
    }
    part("play").dataset.playing = playing;
    part("play").lastElementChild.textContent = playing ? "Pause" : "Play";
    part("length").max = looks.length;
    part("length").value = length;
    part("length-value").value = `${length} of ${looks.length}`;
  }
}

async function json(file) {
  const answer = await fetch(file);
  if (!answer.ok) {
    throw new Error(`${file} cannot be loaded (${answer.status})`);
  }
  return answer.json();
}

async function start() {
  const [model, card, site] = await Promise.all([
    Model.load("model_web.tflite", "runtime/@litertjs/core/wasm/"),
    json("model_card.json"),
    json("site.json"),
  ]);
  const { digits, examples } = site;
  if (digits) {
    const strip = await (await fetch(digits.file)).blob();
    digits.raster = await readPicture(strip, model.channels);
  }
  const first = await pickIntroduction(model, card.labels, examples);
  const page = new Page(model, card.labels, digits);
  showExamples(examples, (file, label) => page.open(file, label));
  describe(card);
  await (first ? page.open(first.file, first.label, true) : page.change());
}

/** Says in the footer what the model is. */
function describe({ parameters, accuracy, metadata }) {
  const facts = [
    metadata?.summary,
    `${parameters.toLocaleString("en")} weights`,
    accuracy && `${(100 * accuracy).toFixed(1)} % right on test images`,
    "It runs in this browser; no image leaves your machine",
  ];
  part("facts").textContent = `${facts.filter(Boolean).join(". ")}.`;
}

addEventListener("unhandledrejection", ({ reason }) =>
  showProblem(String(reason)),
);

start().catch((error) => {
  part("answer").dataset.state = "error";
  part("sentence").textContent = "The model could not be started";
  throw error;
});
