// The inbox: frames that wait for a person, to assign or to drop; kept by the device.

import { fileOf, get, on, post, state, thumbnail } from "./api.js";
import { el, failed, icon, may, percent, toast } from "./dom.js";
import { taught } from "./teach.js";
import { t } from "./words.js";

function why({ reason, verdict }) {
  if (reason === "sample") return t("sampled", { class: verdict.class ?? t("unknown") });
  if (reason === "novel") return t("unlikeShort", { best: verdict.best });
  const sure = percent(verdict.confidence);
  return verdict.runner_up ? t("between", { best: verdict.best, sure, second: verdict.runner_up }) : `${verdict.best} ${sure}`;
}

/** Tiles that can be chosen with mouse, finger and keyboard; see WAI-ARIA's grid of options. */
export function chooser(label, whenChosen) {
  const list = el("div", { class: "tiles choose", role: "listbox", "aria-multiselectable": "true", "aria-label": label, tabindex: "-1" });
  const chosen = new Set();
  let anchor = 0;
  const tiles = () => [...list.querySelectorAll("[role=option]")];
  const mark = (tile, on) => {
    tile.setAttribute("aria-selected", String(on));
    if (on) chosen.add(tile.dataset.id);
    else chosen.delete(tile.dataset.id);
  };
  const toggle = (tile, range) => {
    const all = tiles();
    const at = all.indexOf(tile);
    if (range) {
      const [low, high] = [Math.min(anchor, at), Math.max(anchor, at)];
      all.slice(low, high + 1).forEach((one) => mark(one, true));
    } else {
      mark(tile, !chosen.has(tile.dataset.id));
      anchor = at;
    }
    whenChosen();
  };
  list.addEventListener("click", (event) => {
    const tile = event.target.closest("[role=option]");
    if (tile) toggle(tile, event.shiftKey);
  });
  list.addEventListener("keydown", (event) => {
    const all = tiles();
    const at = all.indexOf(event.target.closest("[role=option]"));
    if (at < 0) return;
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step) {
      event.preventDefault();
      const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
      all.forEach((one) => (one.tabIndex = -1));
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      toggle(all[at], event.shiftKey);
    } else if (event.key === "a" && !event.ctrlKey) {
      all.forEach((one) => mark(one, chosen.size < all.length || !chosen.has(one.dataset.id)));
      whenChosen();
    } else if (event.key === "Escape") {
      all.forEach((one) => mark(one, false));
      whenChosen();
    }
  });
  /** * `entries`: id, picture, kind, caption, and a reason that may be empty; those that stay are not drawn anew. */
  const fill = (entries) => {
    const known = new Map(tiles().map((tile) => [`${tile.dataset.id} ${tile.dataset.key}`, tile]));
    const focused = document.activeElement?.closest?.("[role=option]")?.dataset.id;
    const nodes = entries.map(({ id, picture, kind, caption, reason }) => {
      const key = `${kind} ${caption} ${reason}`;
      const before = known.get(`${id} ${key}`);
      if (before) return before;
      const text = el("span", { class: "caption" }, icon(kind), `\u00a0${caption}`);
      const more = reason ? el("span", { class: "reason" }, reason) : null;
      const image = el("img", { src: picture, alt: "", loading: "lazy" });
      const isChosen = String(chosen.has(String(id)));
      return el("div", { class: `tile ${kind}`, role: "option", tabindex: "-1", "aria-selected": isChosen, "data-id": id, "data-key": key }, image, text, more);
    });
    list.replaceChildren(...nodes);
    const ids = new Set(entries.map((entry) => String(entry.id)));
    [...chosen].filter((id) => !ids.has(id)).forEach((id) => chosen.delete(id));
    if (nodes.length) (nodes.find((node) => node.dataset.id === focused) ?? nodes[0]).tabIndex = 0;
    if (focused) nodes.find((node) => node.dataset.id === focused)?.focus();
    whenChosen();
  };
  return { list, chosen, fill };
}

/** A row of buttons, one a class, and a field for a new one. */
export function classButtons(signal, choose) {
  const row = el("div", { class: "assign" });
  const field = el("input", { maxlength: 64, autocomplete: "off", placeholder: t("newClass"), "aria-label": t("newClass") });
  const submit = (event) => {
    event.preventDefault();
    if (field.value.trim()) choose(field.value.trim());
    field.value = "";
  };
  const form = el("form", { class: "row", onsubmit: submit }, field, el("button", { class: "quiet", type: "submit" }, t("assign")));
  let drawn = "";
  const draw = () => {
    const names = state.classes.map((one) => one.class);
    if (JSON.stringify(names) === drawn) return;
    drawn = JSON.stringify(names);
    const buttons = names.map((name, at) =>
      el("button", { class: "chip", onclick: () => choose(name) }, at < 9 ? el("kbd", { "aria-hidden": "true" }, String(at + 1)) : null, name),
    );
    row.replaceChildren(...buttons, form);
  };
  draw();
  on("changed", draw, signal);
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.target.closest?.("input, select, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
      const at = Number(event.key) - 1;
      if (Number.isInteger(at) && at >= 0) row.querySelectorAll("button.chip")[at]?.click();
    },
    { signal },
  );
  return row;
}

/** A button for the one that is chosen: where its prediction comes from. */
export function heatButton(chosen, field) {
  const show = async () => {
    if (chosen.size === 1) (await import("./heat.js")).heat({ [field]: [...chosen][0] });
    else toast(t("chooseOne"));
  };
  return el("button", { class: "quiet", title: t("heatHint"), onclick: show }, t("heat"));
}

/** A link to a file of the region that is shown. */
export function download(name, text, signal) {
  const link = el("a", { class: "button", download: true }, text);
  const aim = () => link.setAttribute("href", fileOf(name));
  aim();
  on("region", aim, signal);
  return link;
}

export function inbox(main, signal) {
  const count = el("span", { class: "count", role: "status" });
  const none = el("p", { class: "empty" }, t("inboxEmpty"));
  const file = download("inbox.zip", t("downloadInbox"), signal);
  const { list, chosen, fill } = chooser(t("inbox"), () => {
    bar.classList.toggle("on", chosen.size > 0);
    count.textContent = t("chosen", { count: chosen.size });
  });
  const load = async () => {
    const frames = await get("inbox");
    none.hidden = frames.length > 0;
    file.hidden = !frames.length;
    fill(
      frames.map((one) => ({
        id: one.id,
        picture: thumbnail({ inbox: one.id }),
        kind: one.reason === "sample" ? "ng" : "unknown",
        caption: why(one),
        reason: "",
      })),
    );
  };
  const act = async (call) => {
    if (!chosen.size) return;
    const frames = [...chosen].map(Number);
    chosen.clear();
    try {
      await call(frames);
    } catch (error) {
      failed(error);
    }
    await load().catch(failed);
  };
  const assign = (name) => act(async (frames) => taught(await post("inbox-assign", { class: name, frames })));
  const drop = () => act((frames) => post("inbox-drop", { Frames: frames }));
  const actions = may("teach") ? [classButtons(signal, assign), el("button", { class: "quiet", onclick: drop }, t("drop"))] : [];
  const bar = el("div", { class: "actions" }, count, actions, heatButton(chosen, "inbox"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Delete" && may("teach") && !event.target.closest?.("input")) drop();
  }, { signal });
  on("region", () => load().catch(failed), signal);
  on("changed", () => chosen.size || load().catch(() => {}), signal);
  // While tiles are being chosen they stay where they are.
  const timer = setInterval(() => chosen.size || document.hidden || load().catch(() => {}), 3000);
  signal.addEventListener("abort", () => clearInterval(timer));
  main.replaceChildren(
    el("section", { class: "page" }, el("h2", {}, t("inbox")), el("p", { class: "hint" }, t("inboxHint")), bar, none, list, file),
  );
  load().catch(failed);
}
