// Small charts of one image: `limelight.curves`.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const [WIDE, HIGH] = [150, 70];
  const COLORS = 8; // as in charts.py and report.css

  function shape(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function area(values) {
    const ends = (values[0] + values[values.length - 1]) / 2;
    return (values.reduce((sum, value) => sum + value, 0) - ends) / (values.length - 1);
  }

  // The lines [[name, values at equal steps from 0 to 1], …] with their areas; the first ones in
  // colour, all others behind them.
  function chart(title, lines) {
    const { element } = limelight;
    const figure = element("figure");
    const all = lines.flatMap(([, values]) => values);
    const [low, high] = [Math.min(0, ...all), Math.max(...all, 1e-12)];
    const areas = lines.map(([name, values]) => `${name} ${area(values).toFixed(2)}`);
    const picture = shape("svg", {
      viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `${title}, areas: ${areas.join(", ")}`,
    });
    const legend = element("ul", "lines");
    lines.forEach(([name, values], n) => {
      const places = values.map((value, k) => {
        const x = (k * WIDE) / (values.length - 1);
        const y = 3 + (HIGH - 6) * (1 - (value - low) / (high - low));
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      });
      const color = n < COLORS ? `c${n}` : "back";
      const line = shape("polyline", { class: `curve ${color}`, points: places.join(" ") });
      if (n >= COLORS) {
        picture.prepend(line);
        return;
      }
      picture.append(line);
      const entry = element("li");
      const sample = shape("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" });
      sample.append(shape("line", { class: `curve ${color}`, x1: 0, y1: 4, x2: 22, y2: 4 }));
      entry.append(sample, element("bdi", "", name), ` ${area(values).toFixed(2)}`);
      legend.append(entry);
    });
    figure.append(element("figcaption", "", title), picture, legend);
    return figure;
  }

  // A chart for each title of {title: {name: values}}, of the names that are shown; null for none.
  limelight.curves = (titles, shown) => {
    const made = limelight.element("div", "curves");
    for (const [title, lines] of Object.entries(titles)) {
      const some = Object.entries(lines)
        .filter(([name, values]) => shown(name) && values.every((value) => value !== null));
      if (some.length) made.append(chart(title, some));
    }
    return made.childElementCount ? made : null;
  };
})();
