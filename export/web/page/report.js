/** What the model reads: answer, bars, retina, frames, in step. */

import { Bars } from "./bars.js";
import { part, percent } from "./elements.js";
import { Frames } from "./frames.js";
import { argmax } from "./looks.js";
import { Retina } from "./retina.js";

export class Report {
  /**
   * @param {string[]} labels names of the classes.
   * @param {function(number)} onChoose is told which look to show, from 1.
   */
  constructor(labels, onChoose) {
    this.labels = labels;
    this.bars = new Bars(part("bars"), labels);
    this.retina = new Retina(part("retina"));
    this.frames = new Frames(part("frames"), labels, onChoose);
  }

  /** Takes what the model did with a new image. */
  setLooks(looks) {
    this.looks = looks;
    this.frames.fill(looks);
    document.body.dataset.kind = looks[0].squares ? "glimpses" : "others";
    document.body.dataset.crops = Boolean(looks[0].crops);
    part("transport").hidden = looks.length < 2;
  }

  /**
   * Shows the first looks.
   *
   * @param {Object} playback its position, its length, whether it plays.
   * @param {boolean} isEmpty whether there is nothing to read.
   * @param {string=} truth the right answer, where it is known.
   */
  show({ position, length, playing }, isEmpty, truth) {
    const seen = isEmpty ? 0 : position;
    this.bars.show(this.looks, seen);
    this.retina.show(this.looks, seen);
    this.frames.show(seen, isEmpty ? 0 : length);
    const probabilities = this.looks[seen - 1]?.probabilities;
    this.showAnswer(probabilities, seen, truth);
    this.showState(this.looks.slice(0, seen), playing, isEmpty);
  }

  showAnswer(probabilities, position, truth) {
    const best = probabilities && argmax(probabilities);
    const label = this.labels[best];
    part("label").textContent = label ?? "";
    part("label").classList.toggle("word", label?.length > 2);
    part("percent").textContent = label ? percent(probabilities[best]) : "";
    const words = [this.after(position), judged(label, truth)];
    part("sentence").textContent = label
      ? words.filter(Boolean).join(" – ")
      : "Nothing seen yet";
    part("sentence").dataset.right = truth === undefined || truth === label;
  }

  /** After how much looking, in words. */
  after(position) {
    const name = this.looks[0].squares ? "glimpse" : "look";
    const plural = position === 1 ? "" : "s";
    return this.looks.length > 1 ? `after ${position} ${name}${plural}` : "";
  }

  /** Says what is shown to what reads the page: programs and ears. */
  showState(shown, playing, isEmpty) {
    const answer = part("answer");
    const best = shown.length ? argmax(shown.at(-1).probabilities) : "";
    const path = shown.map((look) => look.location).filter(Boolean);
    answer.dataset.class = best;
    answer.dataset.step = shown.length;
    answer.dataset.path = JSON.stringify(path);
    answer.dataset.probabilities = JSON.stringify(
      shown.at(-1)?.probabilities ?? [],
    );
    answer.dataset.state = isEmpty ? "empty" : playing ? "playing" : "resting";
    if (!playing) {
      const words = ["label", "percent", "sentence"].map(
        (id) => part(id).textContent,
      );
      announce(isEmpty ? "The canvas is empty" : words.join(" "));
    }
  }
}

/** Tells of something that went wrong; "" when it is over. */
export function showProblem(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

function announce(text) {
  const line = part("announcement");
  if (line.textContent !== text) {
    line.textContent = text;
  }
}

function judged(label, truth) {
  if (truth === undefined) {
    return "";
  }
  return label === truth ? "right" : `it is a ${truth}`;
}
