// Which classes are confused, and how the device came to know them: tables, and a drawing that says the same.

import { get, on } from "./api.js";
import { el, failed, percent } from "./dom.js";
import { t } from "./words.js";

/** Frames that a point of the running score leans on. */
const WINDOW = 20;

function svg(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function matrix(classes) {
  const head = el("tr", {}, el("th", { scope: "col" }, t("taughtAs")), classes.map((one) => el("th", { scope: "col" }, one.class)));
  const cell = (share, isOwn) => {
    if (share === null) return el("td", { class: "none" }, "-");
    const kind = isOwn ? "own" : "other";
    return el("td", { class: share ? `${kind} l${Math.ceil(share * 4)}` : "zero" }, share ? percent(share) : "0");
  };
  const row = (one, at) => {
    const name = el("th", { scope: "row" }, one.class, el("small", {}, ` ${t("looks", { count: one.looks })}`));
    return el("tr", {}, name, classes.map((_, other) => cell(one.predicted ? one.predicted[other] : null, at === other)));
  };
  return el("table", { class: "confusion" }, el("caption", {}, t("confusionCaption")), el("thead", {}, head), el("tbody", {}, classes.map(row)));
}

/** For every point the share of the latest frames that was predicted right before they were taught. */
function running(curve) {
  return curve.map((_, at) => {
    let [frames, right] = [0, 0];
    for (let one = at; one >= 0 && frames < WINDOW; one -= 1) {
      frames += curve[one].frames;
      right += curve[one].right;
    }
    return frames ? right / frames : null;
  });
}

function drawing(curve, score) {
  const [WIDTH, HEIGHT, LEFT, LOW] = [320, 140, 34, 22];
  const most = Math.max(...curve.map((one) => one.examples), 1);
  const x = (at) => LEFT + (curve[at].examples / most) * (WIDTH - LEFT - 8);
  const y = (share) => 8 + (1 - share) * (HEIGHT - LOW - 8);
  const line = (values, kind, mark) => {
    const known = values.map((value, at) => [value, at]).filter(([value]) => value !== null);
    const points = known.map(([value, at]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    return svg("g", { class: kind }, svg("polyline", { points: points.join(" ") }), ...known.map(([value, at]) => mark(x(at), y(value))));
  };
  const rule = (share) =>
    svg("g", { class: "rule" }, svg("path", { d: `M${LEFT} ${y(share)}H${WIDTH - 8}` }), svg("text", { x: LEFT - 4, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  const end = svg("text", { x: WIDTH - 8, y: HEIGHT - 6, "text-anchor": "end" }, t("examplesCount", { count: most }));
  const round = (cx, cy) => svg("circle", { cx, cy, r: 3 });
  const square = (cx, cy) => svg("rect", { x: cx - 3, y: cy - 3, width: 6, height: 6 });
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("curveCaption") },
    ...[0, 0.5, 1].map(rule),
    line(curve.map((one) => one.estimate), "line-1", round),
    line(score, "line-2", square),
    end,
  );
}

function learning(curve) {
  const score = running(curve);
  const heads = ["examples", "estimate", "predictedBefore"].map((key) => el("th", { scope: "col" }, t(key)));
  const row = (one, at) => el("tr", {}, [one.examples, percent(one.estimate) || "-", percent(score[at]) || "-"].map((text) => el("td", {}, text)));
  const table = el("table", {}, el("caption", {}, t("curveCaption")), el("thead", {}, el("tr", {}, heads)), el("tbody", {}, curve.map(row)));
  const legend = el("p", { class: "hint" }, el("span", { class: "line-1" }, `\u25cf ${t("estimate")}`), " ", el("span", { class: "line-2" }, `\u25a0 ${t("predictedBefore")}`));
  return [drawing(curve, score), legend, el("details", {}, el("summary", {}, t("asTable")), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": t("curveCaption") }, table))];
}

/** Opened by who wants to know; asked for only then. */
export function confusion(signal) {
  const body = el("div", { class: "known" });
  const box = el("details", { class: "panel how" }, el("summary", {}, t("howWell")), body);
  const load = async () => {
    if (!box.open) return;
    const { classes, curve } = await get("confusion");
    const wide = el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": t("confusionCaption") }, matrix(classes));
    body.replaceChildren(...(classes.length ? [wide] : [el("p", { class: "empty" }, t("noExamples"))]), ...(curve.length > 1 ? learning(curve) : []));
  };
  box.addEventListener("toggle", () => load().catch(failed));
  on("changed", () => load().catch(() => {}), signal);
  on("region", () => load().catch(failed), signal);
  return box;
}
