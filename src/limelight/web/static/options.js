// What the chosen methods can be told.

import { byId, element } from "./elements.js";

// The value that was typed; undefined where it is the usual one.
function read(option, input) {
  const typed = input.value.trim();
  if (typed === "") return undefined;
  const value = option.kind === "str" ? typed : Number(typed);
  return value === option.default ? undefined : value;
}

function field(method, option, options, changed) {
  const value = options[method.name]?.[option.name] ?? option.default ?? "";
  const shared = {
    name: `${method.name}.${option.name}`,
    onchange(event) {
      const own = { ...options[method.name] };
      if (!event.target.reportValidity()) return;
      const read_ = read(option, event.target);
      if (read_ === undefined) {
        delete own[option.name];
        event.target.value = option.default ?? "";
      } else own[option.name] = read_;
      options[method.name] = own;
      changed();
    },
  };
  const input = option.choices
    ? element("select", shared, ...option.choices.map((name) => element("option", { value: name, selected: name === value }, name)))
    : element("input", {
        ...shared,
        type: option.kind === "str" ? "text" : "number",
        step: option.kind === "int" ? "1" : "any",
        min: option.least,
        placeholder: option.default === null ? "by itself" : String(option.default),
        value,
      });
  return element("label", {}, element("span", { className: "what" }, option.name), input);
}

// A field for every option of `methods`; `options` by method are changed in place. What is being
// typed stays as it is while the same methods are chosen.
export function showOptions(methods, options, changed) {
  const list = byId("options");
  const shown = methods.filter((method) => method.options.length);
  const key = shown.map((method) => method.name).join();
  byId("options-field").hidden = !shown.length;
  if (list.dataset.methods === key) return;
  list.dataset.methods = key;
  list.replaceChildren(
    ...shown.map((method) =>
      element(
        "div",
        { role: "group", "aria-label": `Options of ${method.title}` },
        element("p", { className: "quiet" }, method.title),
        ...method.options.map((option) => field(method, option, options, changed)),
      ),
    ),
  );
}
