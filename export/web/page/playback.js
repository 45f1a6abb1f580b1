/** The clock: which look is shown, and when the next one is. */

const PACE = 900; // milliseconds from look to look
const FIRST = 500; // and before the first

export class Playback {
  /**
   * @param {function()} onChange called after every change.
   */
  constructor(onChange) {
    this.onChange = onChange;
    this.length = 1; // how many looks are taken
    this.position = 0; // how many of them are shown
    this.playing = false;
  }

  /** Plays from the start, or goes on where it was paused. */
  play() {
    if (this.position >= this.length) {
      this.position = 0;
    }
    this.playing = true;
    this.wait();
    this.onChange();
  }

  toggle() {
    if (this.playing) {
      this.pause();
    } else {
      this.play();
    }
  }

  /** Plays from the start. */
  replay() {
    this.position = 0;
    this.play();
  }

  /** Stops where it is. */
  pause() {
    clearTimeout(this.timer);
    this.playing = false;
    this.onChange();
  }

  /** Shows so many looks, and stays there. */
  go(position) {
    this.position = Math.min(Math.max(position, 1), this.length);
    this.pause();
  }

  /** Takes so many looks; shows all of them. */
  setLength(length) {
    this.length = length;
    this.go(length);
  }

  wait() {
    clearTimeout(this.timer);
    const pause = this.position ? PACE : FIRST;
    this.timer = setTimeout(() => this.tick(), pause);
  }

  tick() {
    this.position += 1;
    this.playing = this.position < this.length;
    if (this.playing) {
      this.wait();
    }
    this.onChange();
  }
}
