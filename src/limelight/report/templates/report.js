// The cases of a report: shown as they come into view, filtered, sorted, coloured and boxed.
"use strict";

(() => {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const { element } = limelight;
  const data = JSON.parse(at("report-data").textContent);
  const pictures = at("report-pictures").textContent.split("\n"); // read one by one, when shown
  const tables = Object.fromEntries(
    Object.entries(data.tables).map(([name, text]) => [name, limelight.bytes(text)]));
  const axes = Object.values(data.axes);
  const ticked = (axes[0] ?? []).map((_, axis) => new Set(axes.map((names) => names[axis])));
  const settings = {
    threshold: null,
    table: tables[Object.keys(tables)[0]],
    shown: (name) => data.axes[name].every((each, axis) => ticked[axis].has(each)),
  };
  root.classList.add("js");

  // -- light and dark ---------------------------------------------------------------------------

  const theme = at("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;

  function applyTheme() {
    const dark = chosen ?? system.matches;
    if (chosen === null) delete root.dataset.theme;
    else root.dataset.theme = dark ? "dark" : "light";
    theme.setAttribute("aria-pressed", String(dark));
  }

  theme.addEventListener("click", () => {
    chosen = !(chosen ?? system.matches);
    applyTheme();
  });
  system.addEventListener("change", applyTheme);
  applyTheme();

  // -- one case ---------------------------------------------------------------------------------

  const near = new Set(); // articles near the view
  const open = new Map(); // article → its card, and what that was last told
  const entries = data.items.map((item, index) => ({ item, index, article: makeArticle(item, index) }));

  function makeArticle(item, index) {
    const article = element("article", "case");
    article.id = `item-${index}`;
    const header = element("header");
    const title = element("h3");
    title.append(element("bdi", "", item.label ?? item.predicted));
    const facts = element("p", "facts");
    if (item.correct === true) facts.append(element("span", "right", "✓ right"));
    if (item.correct === false) {
      const wrong = element("span", "wrong", "✗ taken for ");
      wrong.append(element("bdi", "", item.predicted));
      facts.append(wrong);
    }
    if (item.correct === null && item.label !== null) {
      facts.append(element("bdi", "", item.predicted));
    }
    if (item.probability !== null) {
      facts.append(element("span", "quiet", `${(100 * item.probability).toFixed(1)} %`));
    }
    const name = element("span", "id");
    name.append(element("bdi", "", item.id));
    facts.append(name);
    header.append(title, facts);
    article.append(header, element("div", "panels"));
    return article;
  }

  // Rows and columns of so many maps beside their image.
  function grid(count) {
    if (ticked.length < 2) return [1, Math.min(count + 1, 5)];
    return [Math.max(ticked[0].size, 1), ticked[1].size + 1];
  }

  function fill(article) {
    const index = Number(article.id.slice(5));
    const { item } = entries[index];
    const drawn = JSON.parse(pictures[index]);
    const card = limelight.card({ ...item, ...drawn }, settings);
    const panels = article.querySelector(".panels");
    const [rows, columns] = grid(card.figures.length - 1);
    panels.style.setProperty("--rows", String(rows));
    panels.style.setProperty("--columns", String(columns));
    panels.replaceChildren(...card.figures);
    article.querySelector(".curves")?.remove();
    const curves = limelight.curves(drawn.curves, settings.shown);
    if (curves) article.append(curves);
    article.style.minHeight = "";
    const made = { card, table: settings.table, threshold: settings.threshold };
    open.set(article, made);
    return made;
  }

  // Far from the view only the height is kept: a thousand canvases would take a gigabyte.
  function empty(article, height) {
    waiting.delete(article);
    if (!open.delete(article)) return;
    article.style.minHeight = height ? `${height}px` : "";
    article.querySelector(".panels").replaceChildren();
    article.querySelector(".curves")?.remove();
  }

  // As the settings are now.
  function update(article) {
    const made = open.get(article) ?? fill(article);
    if (made.table !== settings.table) made.card.paint(made.table = settings.table);
    if (made.threshold !== settings.threshold) made.card.mark(made.threshold = settings.threshold);
  }

  // What is in view is updated at once, the rest when there is nothing else to do.
  const waiting = new Set();
  const later = globalThis.requestIdleCallback ?? setTimeout;
  let called = false;

  function updateAll(articles) {
    const placed = [...articles].map((article) => [article, article.getBoundingClientRect()]);
    for (const [article, { top, bottom }] of placed) {
      if (bottom < 0 || top > innerHeight) waiting.add(article);
      else {
        waiting.delete(article);
        update(article);
      }
    }
    if (waiting.size && !called) later(updateRest, { timeout: 100 });
    called ||= waiting.size > 0;
  }

  function updateRest(deadline) {
    for (const article of waiting) {
      waiting.delete(article);
      update(article);
      if (!(deadline?.timeRemaining() > 5)) break;
    }
    called = waiting.size > 0;
    if (called) later(updateRest, { timeout: 100 });
  }

  const watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting, boundingClientRect } of seen) {
      if (isIntersecting) near.add(target);
      else {
        near.delete(target);
        empty(target, boundingClientRect.height);
      }
    }
    updateAll(near);
  }, { rootMargin: "800px 0px" });

  function refill() {
    for (const article of near) open.delete(article);
    for (const { article } of entries) article.style.minHeight = "";
    updateAll(near);
  }

  // -- which cases, in which order --------------------------------------------------------------

  const list = at("list");
  const fields = ["search", "class", "verdict", "method", "least", "most", "order"];
  const value = (name) => at(name).value;
  const words = (text) => String(text ?? "").toLocaleLowerCase();
  const byText = (of) => (a, b) => words(of(a)).localeCompare(words(of(b)), undefined, { numeric: true });
  // What is not known comes last, whichever way.
  const byNumber = (of, sign) => (a, b) => {
    const [one, two] = [of(a), of(b)];
    if (one === null || two === null) return (one === null) - (two === null);
    return sign * (one - two);
  };
  const iou = (item) => item.iou[value("method")] ?? null;
  const spread = (item) => {
    const known = data.methods.map((name) => item.iou[name] ?? null).filter((each) => each !== null);
    return known.length > 1 ? Math.max(...known) - Math.min(...known) : null;
  };
  const orders = {
    best: byNumber(iou, -1),
    worst: byNumber(iou, 1),
    apart: byNumber(spread, -1),
    sure: byNumber((item) => item.probability, -1),
    unsure: byNumber((item) => item.probability, 1),
    class: byText((item) => item.label ?? item.predicted),
    name: byText((item) => item.id),
    data: () => 0,
  };

  function wanted(item) {
    const overlap = iou(item);
    const [least, most] = [Number(value("least")), Number(value("most") || 1)];
    if (overlap !== null && !(overlap >= least && overlap <= most)) return false;
    if (overlap === null && (least > 0 || most < 1)) return false;
    if (value("verdict") && item.correct !== (value("verdict") === "right")) return false;
    if (value("class") && (item.label ?? item.predicted) !== value("class").slice(1)) return false;
    return words(item.id).includes(words(value("search")));
  }

  function arrange() {
    const order = orders[value("order")];
    const found = entries.filter(({ item }) => wanted(item))
      .sort((a, b) => order(a.item, b.item) || a.index - b.index);
    watcher.disconnect();
    list.replaceChildren(...found.map(({ article }) => article));
    const kept = new Set(found.map(({ article }) => article));
    for (const article of open.keys()) if (!kept.has(article)) empty(article, 0);
    near.clear();
    found.forEach(({ article }) => watcher.observe(article));
    const count = data.items.length.toLocaleString("en");
    const some = found.length.toLocaleString("en");
    at("count").textContent = found.length === data.items.length
      ? `${count} ${data.items.length === 1 ? "image" : "images"}`
      : `${some} of ${count} images`;
  }

  function options(select, names, mark = "") {
    for (const name of names) {
      const option = element("option", "", name);
      option.value = mark + name;
      select.append(option);
    }
  }

  const classes = new Set(data.items.map((item) => item.label ?? item.predicted));
  options(at("class"), [...classes].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })), "=");
  options(at("method"), data.scored);
  if (data.lead !== null) at("method").value = data.lead;
  options(at("colours"), Object.keys(tables));
  const start = Object.fromEntries(fields.map((name) => [name, value(name)]));
  if (!data.scored.length) {
    start.order = at("order").value = "data";
    for (const name of ["best", "worst", "apart"]) at("order").querySelector(`[value=${name}]`).remove();
  }
  const useless = new Set(data.scored.length ? [] : ["method", "least", "most"]);
  if (data.items.every((item) => item.correct === null)) useless.add("verdict");
  if (data.items.length < 2) fields.forEach((name) => useless.add(name));
  for (const name of useless) at(name).closest("label").hidden = true;
  at("reset").hidden = data.items.length < 2;
  if (!data.scored.length) {
    at("own").textContent = "As made";
    at("own").setAttribute("aria-label", "Boxes as made, each at its method’s own threshold");
  }

  fields.forEach((name) => at(name).addEventListener("input", arrange));
  at("reset").addEventListener("click", () => {
    fields.forEach((name) => { at(name).value = start[name]; });
    arrange();
  });

  // -- how they look ----------------------------------------------------------------------------

  const titles = ticked.length === 1 ? ["Side by side"] : ["Methods", "Layers"];
  ticked.forEach((names, axis) => {
    const group = element("fieldset", "shown");
    group.append(element("legend", "", titles[axis]));
    for (const name of [...names]) {
      const label = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) names.add(name);
        else names.delete(name);
        refill();
      });
      label.append(box, element("bdi", "", name));
      group.append(label);
    }
    if (names.size > 1) document.querySelector(".filters").append(group);
  });

  at("colours").addEventListener("input", () => {
    settings.table = tables[value("colours")];
    updateAll(near);
  });

  const opacity = at("opacity");
  opacity.addEventListener("input", () => {
    root.style.setProperty("--opacity", String(opacity.value / 100));
    opacity.nextElementSibling.textContent = `${opacity.value} %`;
    opacity.setAttribute("aria-valuetext", `${opacity.value} percent`);
  });

  const threshold = at("threshold");
  const own = at("own");
  let asked = false;

  function mark() {
    asked = false;
    updateAll(near);
  }

  function cut(number) {
    settings.threshold = number;
    own.disabled = number === null;
    const text = number === null ? "own" : number.toFixed(2);
    threshold.nextElementSibling.textContent = text;
    threshold.setAttribute("aria-valuetext",
      number === null ? "as scored, each method’s own" : `${text} of the maximum`);
    if (!asked) requestAnimationFrame(mark);
    asked = true;
  }

  if (matchMedia("(max-width: 40rem)").matches) document.querySelector(".filters").open = false;
  if (data.thresholds[data.lead]) threshold.value = data.thresholds[data.lead];
  threshold.addEventListener("input", () => cut(Number(threshold.value)));
  own.addEventListener("click", () => {
    threshold.focus();
    cut(null);
  });
  cut(null);
  arrange();
})();
