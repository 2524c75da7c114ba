// Teaching by tapping: the frame that was on the screen; held, a burst.

import { on, post, refresh, state } from "./api.js";
import { el, failed, may, percent, toast } from "./dom.js";
import { t } from "./words.js";

/** So long a button is held before it is more than a tap. */
const HOLD = 450;
/** The longest burst, in milliseconds; releasing the button ends it. */
const BURST = 30_000;
const UNDO_SECONDS = 10;

/** Takes back exactly what was taught, and says what that was. */
async function undo(reply) {
  try {
    const undone = await post("undo-teach", { examples: reply.examples });
    const what = undone.changes?.join(", ") ?? t("examplesGone", { count: reply.examples.length });
    toast(t("undone", { what }));
    await refresh();
  } catch (error) {
    failed(error);
  }
}

/** Says what was taught, and offers to take it back. */
export async function taught(reply) {
  const what = t(reply.examples.length === 1 ? "taughtOne" : "taughtMany", {
    count: reply.examples.length,
    class: reply.class,
    total: reply.count,
  });
  toast(reply.note ? `${what} ${reply.note}` : what, {
    action: { text: t("undoOf", { class: reply.class }), call: () => undo(reply) },
    seconds: UNDO_SECONDS,
    kind: "good",
  });
  await refresh();
}

/** Teaches frames that were classified. */
async function teachFrames(name, frames) {
  const reply = await post("teach-frames", { class: name, frames });
  await taught(reply);
}

function button(name, count, key, frame) {
  const text = el("span", { class: "name" }, name);
  const number = el("span", { class: "count" }, t("examplesCount", { count }));
  const hint = key <= 9 ? el("kbd", { "aria-hidden": "true" }, String(key)) : null;
  const node = el("button", { class: "teach", "data-class": name, type: "button" }, hint, text, number);
  let timer = 0;
  let burst = null;
  let frameThen = null;
  let wasHeld = false;
  const tap = async () => {
    const number = frameThen ?? frame();
    frameThen = null;
    if (number === null) return;
    node.classList.add("busy");
    try {
      await teachFrames(name, [number]);
    } catch (error) {
      failed(error);
    }
    node.classList.remove("busy");
  };
  const hold = async () => {
    wasHeld = true;
    node.classList.add("held");
    burst = post("burst", { class: name, millis: BURST, any: false });
    try {
      await taught(await burst);
    } catch (error) {
      failed(error);
    }
    node.classList.remove("held");
    burst = null;
  };
  const release = async () => {
    clearTimeout(timer);
    timer = 0;
    if (burst) await post("end-burst", { class: name }).catch(() => {});
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    frameThen = frame();
    wasHeld = false;
    node.setPointerCapture(event.pointerId);
    timer = setTimeout(hold, HOLD);
  });
  node.addEventListener("pointerup", release);
  node.addEventListener("pointercancel", release);
  node.addEventListener("contextmenu", (event) => event.preventDefault());
  node.addEventListener("click", () => {
    if (wasHeld) wasHeld = false;
    else tap();
  });
  return node;
}

/** What the device says about how well it would do, and what to show next. */
function advice(signal) {
  const score = el("strong", {});
  const range = el("span", { class: "range" });
  const next = el("p", { class: "next" });
  const unlike = el("a", { href: "#/inbox", hidden: true });
  const confused = el("p", { class: "confused" });
  const draw = () => {
    const { estimate, estimate_90: interval, few_looks: few, next: sentence, wrong_labels: wrong } = state.status;
    score.textContent = estimate === null || estimate === undefined ? "-" : percent(estimate);
    const words = { low: interval && percent(interval[0]), high: interval && percent(interval[1]), class: few };
    range.textContent = interval ? t(few ? "rangeOfFew" : "range", words) : "";
    const waiting = state.classes.length === 1 ? Number(state.status.device?.inbox ?? 0) : 0;
    unlike.hidden = !waiting;
    unlike.textContent = t("unlikeWait", { count: waiting, class: state.classes[0]?.class });
    next.textContent = sentence && !waiting ? t("nextStep", { sentence }) : "";
    const weakest = state.classes.filter((one) => one.recall !== null && one.class !== few).sort((a, b) => a.recall - b.recall)[0];
    confused.textContent =
      weakest && weakest.recall < 0.95 && state.classes.length > 1
        ? t("weakest", { class: weakest.class, recall: percent(weakest.recall) })
        : "";
    if (wrong?.length) confused.textContent += ` ${t("suspects", { count: wrong.length })}`;
  };
  draw();
  on("changed", draw, signal);
  const head = el("p", { class: "estimate" }, el("span", {}, t("estimate")), score, range);
  return el("div", { class: "advice" }, head, confused, next, unlike);
}

/** * `frame`: gives the number of the frame on the screen. */
export function teachPanel(signal, frame) {
  const buttons = el("div", { class: "classes" });
  const field = el("input", { id: "new-class", maxlength: 64, autocomplete: "off", placeholder: t("newClassExample") });
  const add = async (event) => {
    event.preventDefault();
    const name = field.value.trim();
    const number = frame();
    if (!name || number === null) return field.focus();
    try {
      await teachFrames(name, [number]);
      field.value = "";
    } catch (error) {
      failed(error);
    }
  };
  const form = el(
    "form",
    { class: "new", onsubmit: add },
    el("label", { for: "new-class" }, t("newClass")),
    el("div", { class: "row" }, field, el("button", { class: "primary", type: "submit" }, t("teachThis"))),
  );
  const moving = el("p", { class: "moving", role: "status" });
  let drawn = "";
  const draw = () => {
    const key = JSON.stringify([state.classes.map((one) => [one.class, one.examples]), may("teach")]);
    if (key === drawn) return;
    drawn = key;
    form.hidden = !may("teach");
    // A button that is held stays.
    const known = new Map([...buttons.querySelectorAll("button")].map((node) => [node.dataset.class, node]));
    const nodes = state.classes.map(({ class: name, examples: count }, at) => {
      if (!may("teach")) {
        return el("div", { class: "teach shown" }, el("span", { class: "name" }, name), el("span", { class: "count" }, t("examplesCount", { count })));
      }
      const node = known.get(name) ?? button(name, count, at + 1, frame);
      node.querySelector(".count").textContent = t("examplesCount", { count });
      return node;
    });
    buttons.replaceChildren(...nodes);
    hint.textContent = !may("teach") ? t("readOnlyHint") : state.classes.length ? t("teachHint") : t("teachFirst");
  };
  const hint = el("p", { class: "hint" });
  draw();
  on("changed", draw, signal);
  on("session", draw, signal);
  on(
    "progress",
    ({ class: name, done, waiting }) => {
      moving.textContent = waiting ? t("movePart") : t("gathering", { class: name, done });
    },
    signal,
  );
  on("changed", () => (moving.textContent = ""), signal);
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.target.closest?.("input, select, textarea, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
      const at = Number(event.key) - 1;
      if (Number.isInteger(at) && at >= 0 && !event.repeat) buttons.querySelectorAll("button")[at]?.click();
    },
    { signal },
  );
  return el(
    "section",
    { class: "panel", "aria-label": t("teach") },
    el("h2", {}, t("teach")),
    hint,
    buttons,
    moving,
    form,
    advice(signal),
  );
}

