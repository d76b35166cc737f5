// What is chosen, what is shown, and how one leads to the other.

import { ask, explain, send } from "./api.js";
import { markExample, showClasses, showExamples, showLayers, showMethods } from "./choices.js";
import { TrueBox } from "./drawing.js";
import { byId, element } from "./elements.js";
import { showOptions } from "./options.js";
import { Card, MapOfMethod, photograph, picture, place } from "./panels.js";
import { asCommand, asPython } from "./snippets.js";

const state = {
  model: null, // as GET /api/models describes it
  image: null, // {id, width, height, name}, of an example also index, label and boxes
  methods: ["gradcam"],
  options: {}, // by method, those that are not the usual ones
  layer: null,
  target: null,
  threshold: null, // of all boxes; null: each method's own
  classes: [],
  layers: [],
  refused: null, // by method, why the model does not allow it; null: not known yet
  cards: [],
  asked: null, // the question whose answer the cards are
};
let models, limits, methods, data, colors;
let running = null; // the AbortController of what is being explained
let original = null; // the picture of the image alone

const number = (id) => Number(byId(id).value);
const truth = new TrueBox(byId("truth"), () => placeBoxes());

// -- messages ----------------------------------------------------------------------------------

function complain(error) {
  byId("message").textContent = error instanceof Error ? error.message : error;
  byId("message").hidden = false;
}

function say(text) {
  byId("status").textContent = text;
}

// -- images ------------------------------------------------------------------------------------

async function takeFile(file, name) {
  if (!file) return;
  byId("message").hidden = true;
  if (file.size > limits.upload_bytes) {
    complain(`${name} has ${(file.size / 2 ** 20).toFixed(1)} MiB; at most ${limits.upload_bytes / 2 ** 20} MiB are taken.`);
    return;
  }
  try {
    await useImage({ ...(await send(file)), name, file });
  } catch (error) {
    complain(error);
  }
}

async function takeExample(example) {
  byId("message").hidden = true;
  try {
    await useImage({ ...(await ask(`/api/images/${example.id}`)), index: example.index });
  } catch (error) {
    complain(error);
  }
}

async function useImage(image) {
  Object.assign(state, { image, target: null });
  state.cards = [];
  markExample(image.id);
  const label = image.label ? `, true class: ${image.label}` : "";
  byId("image-name").textContent = `${image.name}, ${image.width} × ${image.height}${label}`;
  truth.limit(image);
  byId("known").hidden = !image.boxes?.length;
  original = picture(image, [photograph(image)], `The image ${image.name}`);
  truth.watch(original.element);
  truth.set(image.boxes?.[0] ?? null);
  await refresh();
}

// -- explanations ------------------------------------------------------------------------------

async function refresh() {
  if (!state.image) return;
  running?.abort();
  const mine = (running = new AbortController());
  byId("message").hidden = true;
  const slow = setTimeout(() => { byId("working").hidden = mine.signal.aborted; }, 250);
  const { image, model, methods, layer, target } = state;
  const options = Object.fromEntries(methods.map((name) => [name, state.options[name] ?? {}]));
  const question = { image: image.id, model: model.id, methods, options, layer, target };
  const tell = (job) => show(job, question);
  try {
    let job;
    try {
      job = await explain(question, tell, mine.signal);
    } catch (error) {
      if (error.status !== 404 || !image.file) throw error;
      await send(image.file); // the server has kept other images since
      job = await explain(question, tell, mine.signal);
    }
    if (job.state === "failed") complain(job.error);
    if (job.state === "cancelled") say("Cancelled.");
    else say(`${job.maps.length} of ${methods.length} maps are shown.`);
  } catch (error) {
    if (!mine.signal.aborted) complain(error);
  } finally {
    clearTimeout(slow);
    if (running === mine) {
      running = null;
      byId("working").hidden = true;
    }
  }
}

function show(job, question) {
  const { done, total } = job.progress;
  const bar = byId("progress");
  if (total) Object.assign(bar, { max: total, value: done });
  else bar.removeAttribute("value");
  byId("progress-text").textContent =
    job.state === "waiting" ? "waiting for other explanations" : total ? `${done} of ${total} runs of the model` : "running";
  if (!job.maps) return;
  if (job.classes) state.classes = job.classes;
  showClasses(state.classes, state.target, (target) => choose({ target }));
  const errors = Object.entries(job.errors);
  if (errors.length) complain(errors.map(([name, error]) => `${name}: ${error}`).join("\n"));
  const ids = job.maps.map((map) => map.id).join();
  state.asked = question;
  if (ids === state.cards.map((card) => card.map.id).join() && ids) return code();
  state.cards = question.methods
    .map((name) => job.maps.find((map) => map.method === name))
    .filter(Boolean)
    .map((told) => {
      const known = state.cards.find((card) => card.map.id === told.id);
      if (known) return known;
      const card = new Card(state.image, new MapOfMethod(told), methods.find((each) => each.name === told.method));
      for (const each of card.pictures) truth.watch(each.element);
      return card;
    });
  draw();
}

// -- pictures ----------------------------------------------------------------------------------

function draw() {
  byId("cards").classList.toggle("one", state.cards.length <= 1);
  byId("cards").classList.toggle("many", state.cards.length > 2);
  byId("cards").replaceChildren(
    element(
      "article",
      { className: "card", "aria-label": "Image" },
      element("header", {}, element("h3", {}, "Image")),
      element("div", { className: "pictures" }, original.element),
    ),
    ...state.cards.map((card) => card.element),
  );
  paint();
  fade();
  placeBoxes();
}

function paint() {
  const table = limelight.bytes(colors[byId("colormap").value]);
  for (const card of state.cards) card.paint(table);
  code();
}

function fade() {
  byId("opacity-value").textContent = number("opacity").toFixed(2);
  for (const card of state.cards) card.fade(number("opacity"));
  code();
}

function placeBoxes() {
  const cuts = [...new Set(state.methods.map((name) => methods.find((each) => each.name === name).cut))];
  if (state.threshold === null) byId("threshold").value = cuts[0];
  byId("threshold-value").textContent =
    state.threshold === null ? `${cuts.map((cut) => cut.toFixed(2)).join(" / ")} (own)` : state.threshold.toFixed(2);
  byId("own-threshold").hidden = state.threshold === null;
  if (original) place(original.truth, truth.box);
  for (const card of state.cards) card.box(state.threshold, truth.box);
  code();
}

function moveThreshold(threshold) {
  state.threshold = threshold;
  placeBoxes();
}

// -- code --------------------------------------------------------------------------------------

function code() {
  if (!state.cards.length) return;
  const { image, asked, threshold } = state;
  const shown = {
    model: models.find((each) => each.id === asked.model),
    image,
    data,
    methods: state.cards.map((card) => card.map.method),
    options: Object.fromEntries(state.cards.map((card) => [card.map.method, card.map.options])),
    layer: asked.layer,
    target: asked.target,
    threshold,
    alpha: number("opacity"),
    colormap: byId("colormap").value,
  };
  byId("python").textContent = asPython(shown);
  byId("command").textContent = asCommand(shown);
  const note = byId("code-note");
  note.hidden = state.image.index !== undefined;
  note.replaceChildren(
    `Where ${state.image.name} lies; the pixels as the model was given them: `,
    element("a", { href: `/api/images/${state.image.id}/file`, download: "image.png" }, "image.png"),
  );
  for (const card of state.cards) card.link(shown.alpha, shown.colormap);
}

async function copy(id) {
  const text = byId(id).textContent;
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(byId(id));
    say("The browser does not let pages copy here: the code is selected.");
  }
}

// -- choices -----------------------------------------------------------------------------------

function choose(chosen) {
  Object.assign(state, chosen);
  lists();
  placeBoxes();
  return refresh();
}

function lists() {
  const chosen = {
    selected: state.methods, refused: state.refused, most: limits.methods, search: byId("method-search").value,
  };
  showMethods(methods, chosen, (name, on) => {
    choose({ methods: on ? [...state.methods, name] : state.methods.filter((each) => each !== name) });
  });
  showOptions(state.methods.map((name) => methods.find((each) => each.name === name)), state.options, refresh);
  showLayers(state.layers, state.layer, (layer) => choose({ layer }));
  if (state.classes.length) showClasses(state.classes, state.target, (target) => choose({ target }));
}

async function useModel(id) {
  const model = models.find((each) => each.id === id);
  Object.assign(state, { model, layer: null, target: null, classes: [], layers: [], refused: null });
  byId("about").textContent = `${model.framework}, ${model.preprocess}`;
  lists();
  const [{ layers }, allowed] = await Promise.all(["layers", "methods"].map((what) => ask(`/api/models/${id}/${what}`)));
  if (state.model !== model) return;
  const kept = state.methods.filter((name) => allowed.methods.includes(name));
  const first = allowed.methods.includes("gradcam") ? "gradcam" : allowed.methods[0];
  Object.assign(state, { layers, refused: allowed.refused });
  if (first) state.methods = kept.length ? kept : [first];
  else complain(Object.values(allowed.refused)[0]);
  lists();
  placeBoxes();
  await refresh();
}

// The last part of a path, where no other model has the same.
function shortName(model) {
  const last = ({ name }) => name.split("/").filter(Boolean).pop();
  return models.filter((each) => last(each) === last(model)).length === 1 ? last(model) : model.name;
}

// -- the page ----------------------------------------------------------------------------------

function listen() {
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    takeFile(file, file?.name);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) takeFile(file, file.name || "pasted.png");
  });
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      document.body.classList.add("dragging");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const [file] = event.dataTransfer.files;
    takeFile(file, file?.name);
  });
  byId("opacity").addEventListener("input", fade);
  byId("threshold").addEventListener("input", () => moveThreshold(number("threshold")));
  byId("own-threshold").addEventListener("click", () => {
    moveThreshold(null);
    byId("threshold").focus();
  });
  byId("colormap").addEventListener("change", paint);
  byId("known").addEventListener("click", () => truth.set(state.image.boxes[0]));
  byId("cancel").addEventListener("click", () => running?.abort());
  byId("method-search").addEventListener("input", lists);
  byId("model").addEventListener("change", (event) => useModel(event.target.value).catch(complain));
  byId("copy-python").addEventListener("click", () => copy("python"));
  byId("copy-command").addEventListener("click", () => copy("command"));
}

async function start() {
  const [known, listed, examples, maps] = await Promise.all(
    ["/api/models", "/api/methods", "/api/examples", "/api/colormaps"].map((path) => ask(path)),
  );
  ({ models, limits } = known);
  ({ methods } = listed);
  data = examples;
  colors = maps.colormaps;
  byId("model").replaceChildren(...models.map((model) => element("option", { value: model.id, title: model.name }, shortName(model))));
  byId("colormap").replaceChildren(...Object.keys(colors).map((name) => element("option", { value: name }, name)));
  byId("cards").replaceChildren(element("p", { className: "empty" }, "Drop or paste an image, or choose an example."));
  showExamples(data.examples, takeExample);
  listen();
  fade();
  placeBoxes();
  await useModel(models[0].id);
}

start().catch(complain);
