// Elements, messages, shapes.

import { state } from "./api.js";
import { t } from "./words.js";

/** An element: el("button", { class: "big", onclick: f }, "text", child). */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const PATHS = {
  ok: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.2 14.6L6.6 12.4l1.7-1.7 2.5 2.5 5-5 1.7 1.7z",
  ng: "M7.5 2h9L22 7.500v9L16.5 22h-9L2 16.500v-9zm1.900 5.500L7.500 9.400l2.600 2.600-2.600 2.600 1.900 1.900 2.600-2.600 2.600 2.600 1.900-1.900-2.600-2.600 2.600-2.600-1.900-1.900-2.600 2.600z",
  unknown: "M12 1.500 22.500 12 12 22.500 1.500 12zm-1 14h2v2h-2zm1-9.500a3.300 3.300 0 0 0-3.300 3.200h2c0-.8.6-1.400 1.300-1.400s1.300.6 1.300 1.300c0 1.300-2.300 1.500-2.300 4.100h2c0-1.700 2.300-2 2.300-4.100A3.300 3.300 0 0 0 12 6z",
  none: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-5 9h10v2H7z",
  lock: "M7 10V7a5 5 0 0 1 10 0v3h1a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zm2 0h6V7a3 3 0 0 0-6 0z",
  open: "M7 10V7a5 5 0 0 1 9.800-1.400l-2 .5A3 3 0 0 0 9 7v3h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1z",
  eye: "M12 5c5 0 9 4.500 10.500 7-1.500 2.500-5.500 7-10.500 7S3 14.500 1.500 12C3 9.500 7 5 12 5zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  theme: "M12 3a9 9 0 1 0 0 18zm1-2a11 11 0 1 1-2 22 11 11 0 0 1 2-22z",
};

const SVG = "http://www.w3.org/2000/svg";

/** A shape that says the same as its colour. */
export function icon(name, kind = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon ${kind}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  path.setAttribute("fill-rule", "evenodd");
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

const GOOD = "fieldtune-good";

/** Classes of good parts: those that this browser was told, otherwise those that are called so, otherwise the first. */
export function goodClasses() {
  const names = state.classes.map((one) => one.class);
  let chosen = null;
  try {
    chosen = JSON.parse(localStorage.getItem(GOOD));
  } catch {}
  const kept = (Array.isArray(chosen) ? chosen : []).filter((name) => names.includes(name));
  if (kept.length) return new Set(kept);
  const called = names.filter((name) => /^(good|ok|okay|pass|gut|bon|bien|buono)/i.test(name));
  return new Set(called.length ? called : names.slice(0, 1));
}

export function setGoodClasses(names) {
  localStorage.setItem(GOOD, JSON.stringify([...names]));
}

/** "ok", "ng", "unknown" or "none": what a prediction means for the part. */
export function kindOf(prediction) {
  if (!prediction) return "none";
  if (prediction.class === null) return "unknown";
  return goodClasses().has(prediction.class) ? "ok" : "ng";
}

export function percent(share) {
  return share === null || share === undefined ? "" : `${Math.round(share * 100)} %`;
}

/** A short message; with an action it stays for that many seconds and counts down. */
export function toast(text, { action, seconds = 4, kind = "" } = {}) {
  const toasts = document.getElementById("toasts");
  const box = el("div", { class: `toast ${kind}` }, el("span", {}, text));
  let timer = 0;
  const end = () => {
    clearInterval(timer);
    box.remove();
  };
  if (action) {
    const count = el("span", { class: "count", "aria-hidden": "true" }, ` ${seconds}`);
    const call = () => {
      end();
      action.call();
    };
    box.append(el("button", { class: "quiet", onclick: call }, action.text, count));
    let left = seconds;
    timer = setInterval(() => {
      left -= 1;
      count.textContent = ` ${left}`;
      if (left <= 0) end();
    }, 1000);
  } else {
    timer = setInterval(end, seconds * 1000);
  }
  toasts.append(box);
  while (toasts.children.length > 4) toasts.firstChild.remove();
  return { box, end };
}

export function failed(error) {
  toast(error.message || String(error), { kind: "bad", seconds: 8 });
}

/** Whether this browser may teach, or change what was learned once it gave the PIN. */
export function may(need) {
  const { access, may_teach: teach } = state.session;
  return need === "teach" ? teach : access !== "read-only";
}

/** A prediction in words. */
export function sentence(prediction) {
  if (!prediction) return t("nothingTaught");
  const { class: name, best, confidence, runner_up: second, novelty } = prediction;
  const sure = confidence === null ? "" : percent(confidence);
  if (name === null) {
    return novelty > 1 ? t("unlikeAll", { best }) : t("unsure", { best, sure });
  }
  return second && confidence < 0.9 ? t("thenSecond", { sure, second }) : sure;
}

export const card = (title, ...children) => el("section", { class: "panel card", "aria-label": title }, el("h2", {}, title), ...children);

/** Runs what a button does; shows why where it fails. */
export const doing = (call) => async (event) => {
  event?.preventDefault?.();
  try {
    await call(event);
  } catch (error) {
    failed(error);
  }
};
