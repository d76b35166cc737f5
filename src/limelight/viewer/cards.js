// One image with its maps over it: `limelight.card`, for pages that show many.
//
// An item is {image, exact, size: [height, width], true: [box, …], seen: box or null, alt,
// panels: [{name, grid, cells, frame, box, iou, note}, …]}: boxes in original pixels, `box` and `iou`
// as the library found them, `note` of a map that is empty or means nothing. Settings are {threshold: a number or null for the library's own boxes,
// table: a colour table, shown: a function of a panel's name}.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LONGEST = 256; // pixels of a painted map

  function element(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function scaled(size, factor) {
    return size.map((side) => Math.max(1, Math.round(side * factor)));
  }

  // Two bytes a cell, the lower one first, as numbers from 0 to 1.
  function cells(base64) {
    const packed = limelight.bytes(base64);
    const values = new Float32Array(packed.length / 2);
    for (let i = 0; i < values.length; i++) {
      values[i] = (packed[2 * i] + 256 * packed[2 * i + 1]) / 65535;
    }
    return values;
  }

  function outline(box, whose) {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", `box ${whose}`);
    for (const layer of ["halo", "line"]) {
      const rect = document.createElementNS(SVG, "rect");
      rect.setAttribute("class", layer);
      rect.setAttribute("x", box[0]);
      rect.setAttribute("y", box[1]);
      rect.setAttribute("width", box[2] - box[0]);
      rect.setAttribute("height", box[3] - box[1]);
      group.append(rect);
    }
    return group;
  }

  // A layer of outlines in original pixels; what the model has not seen is darkened.
  function layer(item, shaded) {
    const [high, wide] = item.size;
    const made = document.createElementNS(SVG, "svg");
    made.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    made.setAttribute("aria-hidden", "true");
    if (shaded && item.seen) {
      const [x0, y0, x1, y1] = item.seen;
      const shade = document.createElementNS(SVG, "path");
      shade.setAttribute("class", "unseen-part");
      shade.setAttribute("fill-rule", "evenodd");
      shade.setAttribute("d", `M0 0H${wide}V${high}H0ZM${x0} ${y0}H${x1}V${y1}H${x0}Z`);
      made.append(shade);
    }
    for (const box of item.true) made.append(outline(box, "true"));
    return made;
  }

  function stack(item) {
    const made = element("div", "stack");
    made.setAttribute("role", "img");
    made.style.aspectRatio = `${item.size[1]} / ${item.size[0]}`;
    const image = element("img", item.exact ? "exact" : "");
    image.src = item.image;
    image.alt = "";
    made.append(image);
    return made;
  }

  function nearest(box, truth) {
    if (!truth.length) return null;
    return Math.max(...truth.map((each) => limelight.iou(box, each)));
  }

  function words(box) {
    if (!box) return "no box";
    const [x0, y0, x1, y1] = box.map(Math.round);
    return `box ${x1 - x0} × ${y1 - y0} pixels at x ${x0}, y ${y0}`;
  }

  // One map over the image.
  function panel(item, map, settings) {
    const figure = element("figure", "panel");
    const picture = stack(item);
    const canvas = element("canvas");
    canvas.setAttribute("aria-hidden", "true");
    const lines = layer(item, true);
    picture.append(canvas, lines);
    const caption = element("figcaption");
    const figures = element("span", "figures");
    const name = element("bdi", "", map.name);
    caption.append(name, figures);
    figure.append(picture, caption);
    if (map.note) figure.append(element("p", "why", map.note));

    const values = cells(map.cells);
    const [high, wide] = item.size;
    let boxAt = null; // made when a box is sought

    function box(threshold) {
      if (threshold === null) return map.box;
      boxAt ??= limelight.boxes(values, map.grid, map.frame);
      return boxAt(threshold);
    }

    function paint(table) {
      const shown = scaled(item.size, Math.min(1, LONGEST / Math.max(high, wide)));
      limelight.paint(canvas, limelight.resize(values, map.grid, map.frame, shown), shown, table, map.frame);
    }

    function mark(threshold) {
      const found = box(threshold);
      const iou = threshold === null ? map.iou : nearest(found, item.true);
      lines.querySelector(".predicted")?.remove();
      if (found) lines.append(outline(found, "predicted"));
      figures.textContent = iou === null ? (found ? "" : "no box") : `IoU ${iou.toFixed(2)}`;
      figure.dataset.box = JSON.stringify(found);
      figure.dataset.iou = iou === null ? "" : String(iou);
      const overlap = iou === null ? "" : `, IoU ${iou.toFixed(2)}`;
      picture.setAttribute("aria-label", `${map.name} map over ${item.alt}: ${words(found)}${overlap}`);
    }

    paint(settings.table);
    mark(settings.threshold);
    return { figure, paint, mark };
  }

  // The image and its maps side by side. `figures` are the elements; `paint(table)` colours the
  // maps anew, `mark(threshold)` moves their boxes.
  limelight.card = (item, settings) => {
    const first = element("figure", "panel");
    const picture = stack(item);
    picture.setAttribute("aria-label", item.alt);
    picture.append(layer(item, false));
    const caption = element("figcaption", "", item.caption ?? "image");
    first.append(picture, caption);
    const panels = item.panels.filter((map) => settings.shown(map.name))
      .map((map) => panel(item, map, settings));
    return {
      figures: [first, ...panels.map((each) => each.figure)],
      paint: (table) => panels.forEach((each) => each.paint(table)),
      mark: (threshold) => panels.forEach((each) => each.mark(threshold)),
    };
  };

  limelight.element = element;
})();
