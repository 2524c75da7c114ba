// The operator's view: OK or NG, large; counts since the reset; the last rejects as pictures.

import { get, on, prediction, state, thumbnail } from "./api.js";
import { el, failed, goodClasses, icon, kindOf, setGoodClasses } from "./dom.js";
import { picture } from "./live.js";
import { t } from "./words.js";

const BASE = "fieldtune-counts";
const REJECTS = 10;
/** Frames of one part come one after another: one reject. */
const SAME_PART = 1500;

function base() {
  try {
    return JSON.parse(localStorage.getItem(BASE)) ?? {};
  } catch {
    return {};
  }
}

/** Predictions of the region since the reset: OK, NG, unknown. */
async function counted() {
  const { run, predictions } = await get("counts");
  const good = goodClasses();
  const sums = { ok: 0, ng: 0, unknown: 0 };
  const before = base();
  const all = {};
  for (const { region, class: name, count } of predictions) {
    const key = JSON.stringify([region, name]);
    all[key] = count;
    if (region !== state.region) continue;
    const since = before.run === run ? count - (before.counts[key] ?? 0) : count;
    sums[name === null ? "unknown" : good.has(name) ? "ok" : "ng"] += since;
  }
  return { sums, reset: () => localStorage.setItem(BASE, JSON.stringify({ run, counts: all })) };
}

export function operator(main, signal) {
  const shape = el("div", { class: "shape" });
  const title = el("div", { class: "title" });
  const name = el("div", { class: "name" });
  const big = el("div", { class: "big none", role: "status" }, shape, title, name);
  let drawn = "";
  const draw = () => {
    const now = state.classes.length ? prediction() : null;
    const kind = kindOf(now);
    const key = `${kind} ${now?.class}`;
    if (key === drawn) return;
    drawn = key;
    big.className = `big ${kind}`;
    shape.replaceChildren(icon(kind));
    title.textContent = { ok: "OK", ng: "NG", unknown: "?", none: "-" }[kind];
    name.textContent = !now ? t("nothingTaughtTitle") : now.class ?? t("unknown");
  };

  const numbers = {};
  const entry = (kind, text) => {
    numbers[kind] = el("dd", {}, "0");
    return el("div", { class: kind }, el("dt", {}, icon(kind), text), numbers[kind]);
  };
  const counts = el("dl", { class: "counts" }, entry("ok", "OK"), entry("ng", "NG"), entry("unknown", t("unknown")));
  let reset = () => {};
  const count = async () => {
    const now = await counted();
    reset = now.reset;
    for (const [kind, value] of Object.entries(now.sums)) numbers[kind].textContent = value.toLocaleString();
  };
  const setBack = async () => {
    try {
      await count();
      reset();
      await count();
    } catch (error) {
      failed(error);
    }
  };

  const list = el("ol", { class: "tiles rejects" });
  const none = el("p", { class: "hint" }, t("noRejects"));
  let last = { at: 0, class: undefined };
  const tile = (frame, value) =>
    el(
      "li",
      {},
      el("figure", { class: `tile ${kindOf(value)}` }, el("img", { src: thumbnail({ frame }), alt: "" }), el("figcaption", {}, icon(kindOf(value)), `\u00a0${value.class ?? t("unknown")}`)),
    );
  const add = (frame, value, at) => {
    if (kindOf(value) === "ok") return (last = { at: 0, class: undefined });
    const isSame = value.class === last.class && at - last.at < SAME_PART;
    last = { at, class: value.class };
    if (isSame) return;
    list.prepend(tile(frame, value));
    while (list.children.length > REJECTS) list.lastChild.remove();
    none.hidden = true;
  };
  const fill = async () => {
    const frames = await get("recent-few", { unsure_first: false, most: 100 });
    const now = performance.now();
    for (const { frame, age_us: age, verdict } of frames.reverse()) {
      if (verdict) add(frame, verdict, now - age / 1000);
    }
  };

  const choice = el("fieldset", { class: "good-classes" }, el("legend", {}, t("goodClasses")));
  const drawChoice = () => {
    const good = goodClasses();
    const boxes = state.classes.map(({ class: name }) => {
      const change = (event) => {
        const chosen = goodClasses();
        if (event.target.checked) chosen.add(name);
        else chosen.delete(name);
        setGoodClasses(chosen);
        drawn = "";
        draw();
        count().catch(failed);
      };
      return el("label", {}, el("input", { type: "checkbox", checked: good.has(name), onchange: change }), name);
    });
    choice.replaceChildren(choice.firstChild, ...boxes);
    choice.hidden = !boxes.length;
  };

  draw();
  drawChoice();
  on("prediction", draw, signal);
  on("prediction", (value) => (value.region ?? null) === state.region && add(value.frame, value, performance.now()), signal);
  on("changed", () => (draw(), drawChoice()), signal);
  const timer = setInterval(() => document.hidden || count().catch(() => {}), 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  count().then(fill).catch(failed);
  main.replaceChildren(
    el(
      "div",
      { class: "split operator" },
      el("section", { "aria-label": t("operator") }, big, el("div", { class: "countbar" }, counts, el("button", { class: "quiet", onclick: setBack }, t("resetCounts")))),
      el("section", { class: "panel" }, picture(signal, () => {}), el("h2", {}, t("lastRejects")), none, list, choice),
    ),
  );
}
