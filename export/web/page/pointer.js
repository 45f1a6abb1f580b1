/** Drawing and moving on the stage: mouse, pen, touch and keys. */

const WHEEL = 0.0015; // change of size for a unit of the wheel
const KEY_FACTOR = 1.1;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class Pointer {
  /**
   * @param {Object} stage tells where on the image a pointer is.
   * @param {Object} scene is drawn on and moved.
   * @param {Object} on functions: change() while something changes,
   *   rest(drawn) when the hand is lifted, clear().
   */
  constructor(stage, scene, on) {
    Object.assign(this, { stage, scene, on, tool: "draw" });
    this.down = new Map(); // the last event of each pointer that is down
    const { element } = stage;
    const listen = (type, handle) =>
      element.addEventListener(type, (event) => handle.call(this, event));
    listen("pointerdown", this.press);
    listen("pointermove", this.drag);
    listen("pointerup", this.lift);
    listen("pointercancel", this.lift);
    listen("keydown", this.key);
    element.addEventListener("wheel", (event) => this.wheel(event), {
      passive: false,
    });
  }

  press(event) {
    if (event.button > 0) {
      return;
    }
    this.stage.element.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, event);
    const point = this.stage.pointOf(event);
    if (this.tool === "move") {
      this.grab(point);
    } else if (this.down.size === 1) {
      this.pen = event.pointerId; // a second finger does not draw
      this.scene.startStroke(point);
      this.on.change();
    }
  }

  grab(point) {
    const what = this.scene.at(point);
    this.held = { what, from: this.scene.whereIs(what), point };
  }

  drag(event) {
    if (!this.down.has(event.pointerId)) {
      return;
    }
    if (event.pointerId === this.pen) {
      this.draw(event);
    } else if (this.held && this.down.size === 2) {
      this.pinch(event);
    } else if (this.held) {
      const [x, y] = this.stage.pointOf(event);
      const { what, from, point } = this.held;
      this.scene.move(what, from, x - point[0], y - point[1]);
    }
    this.down.set(event.pointerId, event);
    this.on.change();
  }

  draw(event) {
    // A quick hand moves farther between two frames than a line is long.
    const points = event.getCoalescedEvents?.() ?? [];
    for (const one of points.length ? points : [event]) {
      this.scene.extendStroke(this.stage.pointOf(one));
    }
  }

  /** Two fingers: their distance sets the size, one of them the place. */
  pinch(event) {
    const other = [...this.down.values()].find(
      (one) => one.pointerId !== event.pointerId,
    );
    const [still, before, now] = [
      other,
      this.down.get(event.pointerId),
      event,
    ].map((one) => this.stage.pointOf(one));
    const apart = ([x, y]) => Math.hypot(x - still[0], y - still[1]);
    this.scene.resize(apart(now) / Math.max(apart(before), 1), still);
  }

  lift(event) {
    if (!this.down.delete(event.pointerId)) {
      return;
    }
    const [left] = this.down.values();
    if (left && this.held) {
      this.grab(this.stage.pointOf(left)); // goes on with one finger
    } else if (!left) {
      this.on.rest(this.pen !== undefined);
      this.pen = this.held = undefined;
    }
  }

  wheel(event) {
    if (this.tool !== "move") {
      return;
    }
    event.preventDefault();
    const point = this.stage.pointOf(event);
    this.scene.resize(Math.exp(-event.deltaY * WHEEL), point);
    this.on.change();
  }

  key(event) {
    const step = ARROWS[event.key];
    const factor = { "+": KEY_FACTOR, "=": KEY_FACTOR, "-": 1 / KEY_FACTOR }[
      event.key
    ];
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (step) {
      const [dx, dy] = step.map((pixels) => pixels * (event.shiftKey ? 4 : 1));
      this.scene.move("thing", this.scene.whereIs("thing"), dx, dy);
    } else if (factor) {
      this.scene.resize(factor);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.on.clear();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // elsewhere, arrows go from glimpse to glimpse
    this.on.change();
  }
}
