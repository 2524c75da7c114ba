// Set-up: region, thresholds, outputs, checkpoints, backup, health and log.

import { get, on, post, refresh, state, upload } from "./api.js";
import { el, failed, may, toast } from "./dom.js";
import { picture } from "./live.js";
import { t } from "./words.js";

/** Asks before what cannot be undone by a tap. */
function sure(text, action) {
  return new Promise((done) => {
    const close = (value) => {
      dialog.close();
      dialog.remove();
      done(value);
    };
    const buttons = el(
      "div",
      { class: "row end" },
      el("button", { class: "quiet", onclick: () => close(false) }, t("cancel")),
      el("button", { class: "primary", onclick: () => close(true) }, action),
    );
    const dialog = el("dialog", { "aria-label": action, oncancel: () => close(false) }, el("p", {}, text), buttons);
    document.body.append(dialog);
    dialog.showModal();
  });
}

const card = (title, ...children) => el("section", { class: "panel card", "aria-label": title }, el("h2", {}, title), ...children);

/** Runs what a button does; tells why where it fails. */
const doing = (call) => async (event) => {
  event?.preventDefault?.();
  try {
    await call(event);
  } catch (error) {
    failed(error);
  }
};

function regionCard(signal) {
  const view = picture(signal, () => {});
  const inner = view.querySelector(".shown");
  const marked = el("div", { class: "region drawn", hidden: true });
  inner.append(marked);
  const take = el("button", { class: "primary", disabled: true }, t("useRegion"));
  let from = null;
  let chosen = null;
  const at = (event) => {
    const box = inner.getBoundingClientRect();
    const part = (value, size) => Math.min(Math.max(value / size, 0), 1);
    return [part(event.clientX - box.left, box.width), part(event.clientY - box.top, box.height)];
  };
  const draw = (event) => {
    if (!from) return;
    const to = at(event);
    const [x, y] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
    const [width, height] = [Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])];
    chosen = width > 0.03 && height > 0.03 ? { x, y, width, height } : null;
    marked.hidden = !chosen;
    take.disabled = !chosen;
    ["left", "top", "width", "height"].forEach((side, index) => marked.style.setProperty(side, `${[x, y, width, height][index] * 100}%`));
  };
  if (may("change")) {
    inner.classList.add("drawable");
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
  }
  const set = async (region) => {
    await post("set-region", region);
    state.regions = await get("regions");
    marked.hidden = true;
    take.disabled = true;
    toast(t("regionSet"));
  };
  take.addEventListener("click", doing(() => set({ Fractions: chosen })));
  const whole = el("button", { class: "quiet", onclick: doing(() => set("Whole")) }, t("wholeFrame"));
  return card(t("region"), el("p", { class: "hint" }, t("regionHint")), view, may("change") ? el("div", { class: "row" }, take, whole) : null);
}

function thresholdCard(signal) {
  const field = (id, most, step) => el("input", { id, type: "number", min: 0, max: most, step, inputmode: "decimal", disabled: !may("change") });
  const confidence = field("confidence", 100, 1);
  const share = field("share", 49, 0.5);
  const fill = () => {
    const { confidence: sure, false_reject: reject } = state.status;
    if (document.activeElement !== confidence) confidence.value = Math.round((sure ?? 0) * 100);
    if (document.activeElement !== share) share.value = Number(((reject ?? 0.02) * 100).toFixed(1));
  };
  fill();
  on("changed", fill, signal);
  const save = doing(async () => {
    await post("set-threshold", { confidence: confidence.value / 100, novelty: null, false_reject: share.value / 100 });
    toast(t("saved"));
    await refresh();
  });
  return card(
    t("thresholds"),
    el("form", { class: "fields", onsubmit: save },
      el("label", { for: "confidence" }, t("leastConfidence")), confidence,
      el("label", { for: "share" }, t("falseReject")), share,
      may("change") ? el("button", { class: "primary", type: "submit" }, t("save")) : null),
  );
}

function outputsCard(signal) {
  const list = el("ul", { class: "lines" });
  const load = async () => {
    const outputs = await get("outputs");
    list.replaceChildren(
      ...outputs.map(({ name, on: isOn }) => {
        const test = el("button", { class: "quiet", onclick: doing(() => post("test-output", { name })) }, t("test"));
        return el("li", {}, el("strong", {}, name), el("span", { class: isOn ? "state active" : "state" }, t(isOn ? "active" : "inactive")), may("change") ? test : null);
      }),
    );
    if (!outputs.length) list.replaceChildren(el("li", {}, t("noOutputs")));
  };
  const timer = setInterval(() => document.hidden || list.contains(document.activeElement) || load().catch(() => {}), 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  load().catch(failed);
  return card(t("outputs"), list);
}

/** What changed since, in a sentence. */
function difference(diff) {
  const parts = [
    ["diffAdded", diff.added.length],
    ["diffGone", diff.gone.length],
    ["diffMoved", diff.relabelled.length],
    ["diffClasses", diff.classes_added.length + diff.classes_gone.length + diff.renamed.length],
  ];
  const words = parts.filter(([, count]) => count > 0).map(([key, count]) => t(key, { count }));
  return words.length ? words.join(", ") : t("diffNone");
}

function checkpointCard(signal) {
  const list = el("ul", { class: "lines" });
  const name = el("input", { maxlength: 64, "aria-label": t("checkpointName"), placeholder: t("checkpointName") });
  const load = async () => {
    const all = (await get("generations")).reverse().slice(0, 12);
    list.replaceChildren(
      ...all.map(({ number, name: title, made, classes, examples }) => {
        const compare = doing(async () => toast(`${title}: ${difference(await get("diff", { from: number }))}`, { seconds: 8 }));
        const restore = doing(async () => {
          const diff = difference(await get("diff", { from: number }));
          if (!(await sure(t("restoreSure", { name: title, diff }), t("restore")))) return;
          await post("roll-back", { generation: number });
          toast(t("restored", { name: title }), { kind: "good" });
          await refresh();
          await load();
        });
        const when = new Date(made).toLocaleString(document.documentElement.lang);
        return el(
          "li",
          {},
          el("span", { class: "what" }, el("strong", {}, title || String(number)), el("span", { class: "hint" }, t("checkpointOf", { when, classes, examples }))),
          el("button", { class: "quiet", onclick: compare }, t("compare")),
          may("change") ? el("button", { class: "quiet", onclick: restore }, t("restore")) : null,
        );
      }),
    );
    if (!all.length) list.replaceChildren(el("li", {}, t("noCheckpoints")));
  };
  const save = doing(async () => {
    await post("save", { name: name.value.trim() || null });
    name.value = "";
    toast(t("saved"), { kind: "good" });
    await load();
  });
  on("region", () => load().catch(failed), signal);
  load().catch(failed);
  const form = may("change") ? el("form", { class: "row", onsubmit: save }, name, el("button", { class: "primary", type: "submit" }, t("save"))) : null;
  return card(t("checkpoints"), form, list);
}

function backupCard() {
  const path = state.region === null ? "/api/v1/pull" : `/api/v1/regions/${encodeURIComponent(state.region)}/pull`;
  const file = el("input", { type: "file", id: "pack", class: "file" });
  const send = doing(async () => {
    const [pack] = file.files;
    if (!pack) return;
    const yes = await sure(t("uploadSure", { name: pack.name }), t("upload"));
    if (yes) {
      await upload("push", pack);
      toast(t("uploaded"), { kind: "good" });
      await refresh();
    }
    file.value = "";
  });
  file.addEventListener("change", send);
  return card(
    t("backup"),
    el("p", { class: "hint" }, t("backupHint")),
    el("a", { class: "button", href: path, download: "learned.ftpack" }, t("download")),
    may("change") ? el("div", { class: "fields" }, el("label", { for: "pack" }, t("uploadPack")), file) : null,
  );
}

function healthCard(signal) {
  const shown = ["uptime_s", "frames_a_second", "dropped", "age_p50_ms", "age_p95_ms", "pin_p95_ms", "memory_mib", "temperature_c", "throttled", "camera"];
  const table = el("dl", { class: "health" });
  const lines = el("pre", { class: "log", tabindex: 0, "aria-label": t("log") });
  const fill = () => {
    const figures = { ...state.status.device, bytes: state.status.bytes, examples: state.status.examples };
    const entries = [...shown, "examples"].filter((name) => figures[name] !== undefined);
    table.replaceChildren(...entries.map((name) => el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, String(figures[name])))));
  };
  const load = async () => {
    fill();
    lines.textContent = (await get("log", { lines: 30 })).reverse().join("\n");
  };
  on("changed", () => load().catch(() => {}), signal);
  load().catch(failed);
  return card(t("health"), table, el("h3", {}, t("log")), lines);
}

export function setup(main, signal) {
  const several = state.regions.length > 1;
  main.replaceChildren(
    el("div", { class: "cards" }, several ? null : regionCard(signal), thresholdCard(signal), outputsCard(signal), checkpointCard(signal), backupCard(), healthCard(signal)),
  );
}
