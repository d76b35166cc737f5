// The lists one chooses from: examples, classes, methods, layers.

import { byId, element, percent } from "./elements.js";

// One row of a list: a radio or a check box, what it is, and something small beside it.
function row({ type, name, value, checked, what, more, share, title, disabled, chosen }) {
  const bar = share === undefined ? null : element("span", { className: "share", "aria-hidden": "true" });
  if (bar) bar.style.width = `${100 * (share ?? 0)}%`;
  return element(
    "label",
    { title: title ?? "" },
    bar,
    element("input", { type, name, value, checked, disabled, onchange: (event) => chosen(event.target.checked) }),
    element("span", { className: "what" }, what),
    more ? element("span", { className: "more" }, more) : null,
  );
}

export function showExamples(examples, chosen) {
  byId("examples").replaceChildren(
    ...examples.map((example) =>
      element(
        "button",
        { type: "button", title: example.name, "aria-label": `Example ${example.name}`, "aria-pressed": "false", value: example.id, onclick: () => chosen(example) },
        element("img", { src: `/api/images/${example.id}/preview?side=96`, alt: "", loading: "lazy", width: 50, height: 50 }),
      ),
    ),
  );
}

export function markExample(id) {
  for (const button of byId("examples").children) {
    button.setAttribute("aria-pressed", String(button.value === id));
  }
}

// The ten likeliest classes, and the predicted one as what is explained by itself.
export function showClasses(classes, target, chosen) {
  const rows = classes.map((each) =>
    row({
      type: "radio", name: "class", value: each.index, checked: target === each.index,
      what: each.name, more: percent(each.probability), share: each.probability,
      chosen: () => chosen(each.index),
    }),
  );
  rows.unshift(
    row({
      type: "radio", name: "class", value: "", checked: target === null,
      what: "the predicted class", more: "", chosen: () => chosen(null),
    }),
  );
  replace(byId("classes"), rows);
}

// The methods that the model allows; below them the others, with the reason of each.
export function showMethods(methods, { selected, refused, most, search }, chosen) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = methods.filter((method) =>
    words.every((word) => `${method.name} ${method.title} ${method.paper}`.toLowerCase().includes(word)),
  );
  byId("method-count").textContent = `${selected.length} of at most ${most}`;
  byId("methods").dataset.empty = refused === null ? "Looking at the model …" : "None is called so.";
  const left = refused === null ? [] : methods.filter((method) => method.name in refused);
  const reasons = new Set(left.map((method) => refused[method.name]));
  byId("refused").hidden = !left.length;
  byId("refused").replaceChildren(
    element("summary", {}, `${left.length} more, which this model does not allow`),
    ...[...reasons].flatMap((reason) => [
      element("p", {}, left.filter((method) => refused[method.name] === reason).map((method) => method.title).join(", ")),
      element("p", { className: "quiet" }, reason),
    ]),
  );
  replace(
    byId("methods"),
    found.filter((method) => refused !== null && !(method.name in refused)).map((method) => {
      const checked = selected.includes(method.name);
      return row({
        type: "checkbox", name: "method", value: method.name, checked,
        disabled: checked ? selected.length === 1 : selected.length >= most,
        what: method.title, more: method.cost, title: [method.name, method.paper].filter(Boolean).join(", "),
        chosen: (on) => chosen(method.name, on),
      });
    }),
  );
}

export function showLayers(layers, layer, chosen) {
  const automatic = layers.find((each) => each.automatic);
  const rows = [...layers].reverse().map((each) =>
    row({
      type: "radio", name: "layer", value: each.layer, checked: layer === each.layer,
      what: each.layer, more: each.shape.join(" × "), title: each.kind, chosen: () => chosen(each.layer),
    }),
  );
  rows.unshift(
    row({
      type: "radio", name: "layer", value: "", checked: layer === null,
      what: automatic ? `automatic: ${automatic.layer}` : "automatic",
      more: automatic ? automatic.shape.join(" × ") : "", chosen: () => chosen(null),
    }),
  );
  replace(byId("layers"), rows);
}

// New rows in the place of old ones; the focus and the scrolling stay where they were.
function replace(list, rows) {
  const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
  const top = list.scrollTop;
  list.replaceChildren(...rows);
  list.scrollTop = top;
  if (focused !== null) {
    [...list.querySelectorAll("input")].find((input) => input.value === focused)?.focus();
  }
}
