// What is shown, as code that makes it again.

// A string as Python reads it; JSON's escapes are Python's.
const python = (value) => {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map((entry) => entry.map(python).join(": ")).join(", ")}}`;
  }
  return JSON.stringify(value);
};

// A word as a POSIX shell reads it.
const shell = (value) =>
  /^[\w@%+=:,./-]+$/.test(value) ? `${value}` : `'${`${value}`.replaceAll("'", `'"'"'`)}'`;

const keywords = (entries) => entries.map(([name, value]) => `${name}=${python(value)}`);

// `options` by method; `threshold` null: each method's own, which nobody need name.
export function asPython({ model, image, data, methods, options, layer, target, threshold, alpha, colormap }) {
  const { path, ...said } = model.load;
  if (typeof said.size === "string") {
    const sides = said.size.toLowerCase().split("x").map(Number);
    said.size = sides.length === 1 ? sides[0] : sides;
  }
  if (said.preprocess?.trimStart().startsWith("{")) said.preprocess = JSON.parse(said.preprocess);
  const load = [python(path), ...keywords(Object.entries(said))].join(", ");
  const lines = ["import limelight", "", `classifier = limelight.load(${load})`];
  if (image.index === undefined) {
    lines.push(`image = ${python(image.name)}`);
  } else {
    const open = [python(data.data), ...(data.split ? [python(data.split)] : [])].join(", ");
    lines.push(`image = limelight.data.open(${open})[${image.index}].read()`);
  }
  const chosen = keywords([
    ...(target === null ? [] : [["target", target]]),
    ...(layer === null ? [] : [["layer", layer]]),
    ...optionsOf(methods, options),
  ]);
  const one = methods.length === 1;
  const box = `boxes(${threshold === null ? "" : `threshold=${threshold}`})`;
  const method = one ? python(methods[0]) : python(methods);
  lines.push(`maps = limelight.explain(${["classifier", "image", method, ...chosen].join(", ")})`);
  const overlay = `overlay(image, alpha=${alpha}, colormap=${python(colormap)})`;
  if (one) {
    lines.push(`overlay = maps.${overlay}`, `boxes = maps.${box}`);
  } else {
    lines.push(
      `overlays = {name: each.${overlay} for name, each in maps.items()}`,
      `boxes = {name: each.${box} for name, each in maps.items()}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

// The keyword argument `options`: of one method its own, of several by name.
function optionsOf(methods, options) {
  const said = methods.filter((name) => Object.keys(options[name]).length).map((name) => [name, options[name]]);
  if (!said.length) return [];
  return [["options", methods.length === 1 ? said[0][1] : Object.fromEntries(said)]];
}

export function asCommand({ model, image, data, methods, options, layer, target, threshold, alpha, colormap }) {
  const { path, ...said } = model.load;
  const words = ["limelight", "explain"];
  if (image.index === undefined) {
    words.push(image.name.startsWith("-") ? `./${image.name}` : image.name);
  } else {
    words.push("--data", data.data, ...(data.split ? ["--split", data.split] : []), "--index", image.index);
  }
  words.push("--model", path);
  for (const [name, value] of Object.entries(said)) words.push(`--${name}`, value);
  const spec = (name) => [name, ...Object.entries(options[name]).map(([key, value]) => `${key}=${value}`)].join(":");
  words.push("--method", methods.map(spec).join(","));
  if (target !== null) words.push("--target", target);
  if (layer !== null) words.push("--layer", layer);
  if (threshold !== null) words.push("--threshold", threshold);
  words.push("--alpha", alpha, "--colormap", colormap, "--out", "limelight-maps");
  return `${words.map(shell).join(" ")}\n`;
}
