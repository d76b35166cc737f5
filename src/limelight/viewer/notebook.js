// Maps in a notebook: all cards at once, with sliders for opacity and threshold.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const { element } = limelight;
  const data = JSON.parse(at("data").textContent);
  const settings = { threshold: null, table: limelight.bytes(data.table), shown: () => true };
  const cards = data.items.map((item) => {
    const card = limelight.card(item, settings);
    const panels = element("div", "panels");
    panels.style.setProperty("--columns", String(Math.min(card.figures.length, 5)));
    panels.append(...card.figures);
    at("list").append(panels);
    return card;
  });
  const opacity = at("opacity");
  opacity.addEventListener("input", () => {
    document.documentElement.style.setProperty("--opacity", String(opacity.value / 100));
    opacity.nextElementSibling.textContent = `${opacity.value} %`;
  });
  const threshold = at("threshold");
  threshold.addEventListener("input", () => {
    cards.forEach((card) => card.mark(Number(threshold.value)));
    threshold.nextElementSibling.textContent = Number(threshold.value).toFixed(2);
  });
})();
