// Offers the guided set-up where nothing was taught yet.

import { on, state } from "./api.js";
import { el, may } from "./dom.js";
import { t } from "./words.js";

const SKIPPED = "fieldtune-guide";

/** Whether the guide is to be offered. */
export function isNew() {
  let skipped = null;
  try {
    skipped = localStorage.getItem(SKIPPED);
  } catch {}
  return may("teach") && state.classes.length === 0 && skipped === null;
}

/** Ends the guide, or skips it for good. */
export function leave() {
  try {
    localStorage.setItem(SKIPPED, "done");
  } catch {}
  location.hash = "#/live";
}

/** Offers the guide above the live view. */
export function offer(signal) {
  const box = el("section", { class: "panel offer", "aria-label": t("guide") }, el("h2", {}, t("guide")), el("p", {}, t("guideOffer")));
  const skip = () => {
    leave();
    box.remove();
  };
  box.append(el("div", { class: "row" }, el("a", { class: "button primary", href: "#/guide" }, t("guideStart")), el("button", { class: "quiet", onclick: skip }, t("guideSkip"))));
  on("changed", () => state.classes.length && box.remove(), signal);
  return box;
}
