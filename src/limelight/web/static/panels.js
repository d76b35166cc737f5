// The pictures: the image, and of each method the map and the overlay, with boxes.

import { element, percent, shape } from "./elements.js";

const LARGEST = 512; // a map is smooth: more pixels would show nothing more

const within = ([height, width], pixels) => {
  const scale = Math.min(1, Math.sqrt(pixels / (height * width)));
  return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
};

// What the server said of a map, with what the browser makes of it once.
export class MapOfMethod {
  constructor(told) {
    Object.assign(this, told);
    this.values = limelight.normalize(limelight.floats(told.values));
    this.boxAt = limelight.boxes(this.values, told.shape, told.frame);
    this.painted = within(told.frame.original_size, LARGEST * LARGEST);
    this.small = limelight.resize(this.values, told.shape, told.frame, this.painted);
  }
}

// A picture in original pixels: layers above each other, and boxes above them.
export function picture(image, layers, label, word = null) {
  const svg = shape("svg", { viewBox: `0 0 ${image.width} ${image.height}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  const found = shape("rect", { class: "found", visibility: "hidden" });
  const truth = shape("rect", { class: "true", visibility: "hidden" });
  svg.append(found, truth);
  const made = element("div", { className: "picture" }, ...layers.filter(Boolean), svg, word && element("span", { className: "word", "aria-hidden": "true" }, word));
  made.style.aspectRatio = `${image.width} / ${image.height}`;
  return { element: made, svg, found, truth };
}

export const photograph = (image) =>
  element("img", { src: `/api/images/${image.id}/preview`, alt: "" });

export function place(rect, box) {
  rect.setAttribute("visibility", box ? "visible" : "hidden");
  if (!box) return;
  const [x0, y0, x1, y1] = box;
  for (const [name, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) {
    rect.setAttribute(name, value);
  }
}

const rounded = (box) => box.map((side) => Math.round(10 * side) / 10).join(", ");

// The card of one method.
export class Card {
  constructor(image, map, method) {
    this.map = map;
    this.cut = method.cut;
    this.colors = element("canvas", { "aria-hidden": "true" });
    this.blended = element("canvas", { "aria-hidden": "true" });
    const what = `${method.title} for ${map.name}`;
    this.pictures = [
      picture(image, [photograph(image), this.dimmed(image), this.blended], `Overlay of ${what}`, "overlay"),
      picture(image, [this.colors], `Map of ${what}`, "map"),
    ];
    this.boxTitle = element("dt");
    this.boxText = element("dd", { className: "box" });
    this.iouText = element("dd", { className: "iou" });
    this.iouRow = [element("dt", {}, "IoU"), this.iouText];
    this.png = element("a", { download: `${map.method}.png` }, "PNG");
    const [formula, ...rest] = method.description.split("\n\n");
    this.element = element(
      "article",
      { className: "card map", "aria-label": method.title },
      element("header", {}, element("h3", {}, method.title), element("span", { className: "badge" }, map.layer)),
      element("div", { className: "pictures" }, ...this.pictures.map((each) => each.element)),
      element(
        "div",
        { className: "facts" },
        element(
          "dl",
          {},
          element("dt", {}, "Class"),
          element("dd", {}, `${map.name} (${map.target}), ${percent(map.probability)}`),
          this.boxTitle,
          this.boxText,
          ...this.iouRow,
        ),
        element("p", { className: map.diagnosis ? "diagnosis note" : "diagnosis quiet" }, map.diagnosis ?? "Diagnosis: nothing is wrong with this map."),
        element(
          "details",
          {},
          element("summary", {}, method.paper ? `Formula: ${method.paper}` : "Formula"),
          element("p", { className: "formula" }, formula),
          ...rest.map((part) => element("p", { className: "quiet" }, part.replaceAll(/\n(?!- )/g, " "))),
        ),
        element(
          "div",
          { className: "downloads" },
          this.png,
          element("a", { href: `/api/maps/${map.id}.npz`, download: `${map.method}.npz` }, "NPZ"),
          element("a", { href: `/api/maps/${map.id}.json`, download: `${map.method}.json` }, "JSON"),
        ),
      ),
    );
  }

  // A grey veil over what the model has not seen.
  dimmed(image) {
    const { rows, columns } = limelight.seen(this.map.frame, this.map.painted);
    if (rows.every(Boolean) && columns.every(Boolean)) return null;
    const canvas = element("canvas", { className: "unseen", "aria-hidden": "true" });
    [canvas.height, canvas.width] = this.map.painted;
    const context = canvas.getContext("2d");
    context.fillStyle = "#000000b0";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const left = columns.indexOf(1), right = columns.lastIndexOf(1) + 1;
    const top = rows.indexOf(1), bottom = rows.lastIndexOf(1) + 1;
    context.clearRect(left, top, right - left, bottom - top);
    return canvas;
  }

  paint(table) {
    for (const canvas of [this.colors, this.blended]) {
      limelight.paint(canvas, this.map.small, this.map.painted, table, this.map.frame);
    }
  }

  fade(alpha) {
    this.blended.style.opacity = alpha;
  }

  // `threshold` null: the method's own.
  box(threshold, truth) {
    this.threshold = threshold ?? this.cut;
    this.found = this.map.boxAt(this.threshold);
    this.boxTitle.textContent = `Box at ${this.threshold.toFixed(2)}`;
    for (const each of this.pictures) {
      place(each.found, this.found);
      place(each.truth, truth);
    }
    this.boxText.textContent = this.found ? rounded(this.found) : "none: nothing exceeds the threshold";
    this.iouText.textContent = limelight.iou(this.found, truth).toFixed(3);
    for (const each of this.iouRow) each.hidden = !truth;
  }

  link(alpha, colormap) {
    const { threshold } = this;
    const asked = new URLSearchParams({ alpha, colormap, threshold });
    this.png.href = `/api/maps/${this.map.id}.png?${asked}`;
    const json = this.element.querySelector('a[href*=".json"]');
    json.href = `/api/maps/${this.map.id}.json?threshold=${threshold}`;
  }
}
