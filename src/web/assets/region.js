// The region of interest: drawn on the picture by finger or mouse, or entered as numbers.

import { get, post, state } from "./api.js";
import { doing, el, may, toast } from "./dom.js";
import { picture } from "./live.js";
import { t } from "./words.js";

const SIDES = ["left", "top", "width", "height"];

/** The picture with its regions, on which a new one is drawn; `done` is called once it is set. */
export function regionEditor(signal, done = () => {}) {
  const view = picture(signal, () => {});
  if (!may("change")) return el("div", {}, view);
  const inner = view.querySelector(".shown");
  const marked = el("div", { class: "region drawn", hidden: true });
  inner.append(marked);
  inner.classList.add("drawable");
  const take = el("button", { class: "primary", type: "button", disabled: true }, t("useRegion"));
  let from = null;
  let chosen = null;
  const choose = (parts) => {
    const [x, y, width, height] = parts;
    chosen = width > 0.03 && height > 0.03 && x + width < 1.001 && y + height < 1.001 ? { x, y, width, height } : null;
    marked.hidden = !chosen;
    take.disabled = !chosen;
    SIDES.forEach((side, at) => marked.style.setProperty(side, `${parts[at] * 100}%`));
  };
  const fields = SIDES.map((side) =>
    el("input", { id: `region-${side}`, type: "number", min: 0, max: 100, step: 1, inputmode: "numeric", oninput: () => choose(fields.map((field) => field.value / 100)) }));
  const at = (event) => {
    const box = inner.getBoundingClientRect();
    const part = (value, size) => Math.min(Math.max(value / size, 0), 1);
    return [part(event.clientX - box.left, box.width), part(event.clientY - box.top, box.height)];
  };
  const draw = (event) => {
    if (!from) return;
    const to = at(event);
    const parts = [0, 1].map((axis) => Math.min(from[axis], to[axis])).concat([0, 1].map((axis) => Math.abs(from[axis] - to[axis])));
    choose(parts);
    fields.forEach((field, index) => (field.value = Math.round(parts[index] * 100)));
  };
  inner.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    inner.setPointerCapture(event.pointerId);
    from = at(event);
  });
  inner.addEventListener("pointermove", draw);
  inner.addEventListener("pointerup", (event) => {
    draw(event);
    from = null;
  });
  const set = async (region) => {
    await post("set-region", region);
    state.regions = await get("regions");
    marked.hidden = true;
    take.disabled = true;
    toast(t("regionSet"));
    done();
  };
  take.addEventListener("click", doing(() => set({ Fractions: chosen })));
  const whole = el("button", { class: "quiet", type: "button", onclick: doing(() => set("Whole")) }, t("wholeFrame"));
  const numbers = el("details", {}, el("summary", {}, t("regionNumbers")),
    el("div", { class: "numbers" }, SIDES.map((side, at) => el("label", {}, `${t(side)}, %`, fields[at]))));
  return el("div", { class: "editor" }, view, el("div", { class: "row wrap" }, take, whole), numbers);
}
