// The true box: drawn on any picture with the mouse, a pen or a finger, or typed.

export class TrueBox {
  // `changed(box)` is told of every new box, and of null where it is taken away.
  constructor(form, changed) {
    this.form = form;
    this.inputs = ["x0", "y0", "x1", "y1"].map((name) => form.elements[name]);
    this.box = null;
    this.changed = changed;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.typed());
    form.querySelector("#clear").addEventListener("click", () => this.set(null));
  }

  limit(image) {
    this.size = [image.width, image.height];
    this.inputs.forEach((input, i) => { input.max = this.size[i % 2]; });
  }

  set(box) {
    this.box = box && box.map((side) => Math.round(side * 100) / 100);
    this.inputs.forEach((input, i) => { input.value = this.box ? this.box[i] : ""; });
    this.changed(this.box);
  }

  typed() {
    const sides = this.inputs.map((input) => (input.value === "" ? NaN : Number(input.value)));
    const whole = sides.every(Number.isFinite) && sides[0] < sides[2] && sides[1] < sides[3];
    this.box = whole ? sides : null;
    this.changed(this.box);
  }

  // Let the box be drawn on a picture.
  watch(element) {
    let start = null;
    const at = (event) => {
      const frame = element.getBoundingClientRect();
      const x = ((event.clientX - frame.left) / frame.width) * this.size[0];
      const y = ((event.clientY - frame.top) / frame.height) * this.size[1];
      return [Math.min(Math.max(x, 0), this.size[0]), Math.min(Math.max(y, 0), this.size[1])].map(Math.round);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      start = at(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = at(event);
      const box = [Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y)];
      if (box[2] > box[0] && box[3] > box[1]) this.set(box);
    });
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => { start = null; });
  }
}
