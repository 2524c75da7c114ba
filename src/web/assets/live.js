// The live view: the picture, what it was taken for, and teaching it.

import { chooseRegion, on, prediction, state, watch } from "./api.js";
import { el, icon, kindOf, percent, sentence, toast } from "./dom.js";
import { isNew, offer } from "./offer.js";
import { teachPanel } from "./teach.js";
import { t } from "./words.js";

/** "0.5,0,0.5,1" or "320,0,320,480" as fractions of a frame of that size. */
function rectangle(text, [width, height]) {
  const parts = text.split(",").map(Number);
  if (parts.length !== 4 || parts.some(Number.isNaN)) return null;
  if (text.includes(".")) return parts;
  return width && height ? [parts[0] / width, parts[1] / height, parts[2] / width, parts[3] / height] : null;
}

/** The picture with its regions; calls back with each frame's number.
 *
 * * `heat`: `on` while it is to show where its prediction comes from, see `watch`. */
export function picture(signal, shown, heat) {
  const image = el("img", { class: "frame", draggable: "false", alt: t("cameraPicture") });
  const overlay = el("div", { class: "regions", "aria-hidden": "true" });
  const inner = el("div", { class: "shown" }, image, overlay);
  const box = el("div", { class: "picture" }, inner);
  let drawn = "";
  const draw = (size, ofSense) => {
    const key = JSON.stringify([size, ofSense, state.regions, state.region]);
    if (key === drawn) return;
    drawn = key;
    if (size[0] && size[1]) inner.style.setProperty("--ratio", String(size[0] / size[1]));
    overlay.replaceChildren();
    // What is beside the camera shows its own region alone.
    for (const { name, region } of state.regions.filter(({ name }) => !ofSense || name === state.region)) {
      const parts = rectangle(region, size);
      if (!parts) continue;
      const mark = el("div", { class: name === state.region ? "region chosen" : "region" }, name ?? "");
      ["left", "top", "width", "height"].forEach((side, at) => mark.style.setProperty(side, `${parts[at] * 100}%`));
      overlay.append(mark);
    }
  };
  const show = async ({ number, url, size, ofSense }) => {
    image.src = url;
    // A browser may put decoding off for as long as it does not draw.
    await Promise.race([image.decode().catch(() => {}), new Promise((done) => setTimeout(done, 1000))]);
    box.classList.add("has-frame");
    draw(size, ofSense);
    shown(number);
  };
  watch(show, signal, heat);
  return box;
}

/** The verdict: shape, colour, words. */
export function verdict(signal) {
  const shape = el("span", { class: "shape" });
  const name = el("strong", { class: "name" });
  const words = el("span", { class: "words" });
  const fill = el("span", { class: "fill" });
  const meter = el("div", { class: "meter", role: "img" }, fill);
  const box = el("div", { class: "verdict none" }, shape, el("div", { class: "text" }, name, words), meter);
  const spoken = el("p", { class: "spoken", role: "status" });
  let drawn = null;
  let said = "";
  const draw = () => {
    const now = state.classes.length ? prediction() : null;
    const kind = kindOf(now);
    const title = !now ? t("nothingTaughtTitle") : now.class ?? t("unknown");
    if (drawn !== kind) {
      box.className = `verdict ${kind}`;
      shape.replaceChildren(icon(kind));
      drawn = kind;
    }
    name.textContent = title;
    words.textContent = sentence(now);
    const sure = now?.confidence ?? null;
    meter.hidden = sure === null;
    meter.setAttribute("aria-label", t("confidence", { sure: percent(sure) }));
    fill.style.setProperty("width", `${(sure ?? 0) * 100}%`);
    if (title !== said) {
      said = title;
      spoken.textContent = title;
    }
  };
  draw();
  on("prediction", draw, signal);
  on("changed", draw, signal);
  on("region", draw, signal);
  return el("div", {}, box, spoken);
}

function figures(signal) {
  const rate = el("dd", {}, "-");
  const age = el("dd", {}, "-");
  const novelty = el("dd", {}, "-");
  const entry = (name, value) => el("div", {}, el("dt", {}, name), value);
  const list = el("dl", { class: "figures" }, entry(t("framesASecond"), rate), entry(t("latency"), age), entry(t("novelty"), novelty));
  const seen = [];
  on(
    "prediction",
    (value) => {
      if ((value.region ?? null) !== state.region) return;
      const now = performance.now();
      seen.push([now, value.frame]);
      while (seen.length > 2 && now - seen[0][0] > 3000) seen.shift();
      const [begun, first] = seen[0];
      if (value.frame < first) seen.length = 0;
      if (now - begun > 500) rate.textContent = (((value.frame - first) * 1000) / (now - begun)).toFixed(1);
      age.textContent = `${(value.age_us / 1000).toFixed(0)} ms`;
      novelty.textContent = value.novelty === null ? "-" : value.novelty.toFixed(2);
    },
    signal,
  );
  return list;
}

function regionChoice() {
  if (state.region === null) return null;
  const options = state.regions.map(({ name }) => el("option", { value: name, selected: name === state.region }, name));
  const change = (event) => chooseRegion(event.target.value);
  return el("label", { class: "choice" }, t("region"), el("select", { onchange: change }, options));
}

/** A button that lays over the picture where its prediction comes from. */
function heatButton(heat) {
  const button = el("button", { class: "chip", "aria-pressed": "false", title: t("heatHint"), onclick: () => turn(!heat.on) }, t("heat"));
  const turn = (on) => {
    heat.on = on;
    button.setAttribute("aria-pressed", String(on));
  };
  heat.refused = (why) => {
    turn(false);
    toast(why, { seconds: 8 });
  };
  return button;
}

export function live(main, signal) {
  let frame = null;
  const heat = { on: false };
  const camera = el(
    "section",
    { class: "camera", "aria-label": t("live") },
    picture(signal, (number) => (frame = number), heat),
    verdict(signal),
    el("div", { class: "below" }, figures(signal), heatButton(heat), regionChoice()),
  );
  main.replaceChildren(el("div", { class: "split" }, camera, teachPanel(signal, () => frame)));
  if (isNew()) main.prepend(offer(signal));
}
