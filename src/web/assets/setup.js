// Set-up: region, light, fine-tuning, thresholds, outputs, policy, checkpoints, backup, health and log.

import { get, on, post, refresh, state, upload } from "./api.js";
import { card, doing, el, failed, may, percent, toast } from "./dom.js";
import { policyCard } from "./policy.js";
import { regionEditor } from "./region.js";
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

/** A region as the board file has it. */
function boardLine({ name, region }) {
  const kind = region === "whole" || region.includes(".") ? "fractions" : "pixels";
  const parts = region === "whole" ? "0.0, 0.0, 1.0, 1.0" : region.split(",").join(", ");
  return `${JSON.stringify(name ?? "part")} = { ${kind} = [${parts}] }`;
}

function regionCard(signal) {
  const several = state.regions.length > 1;
  const lines = el("pre", { class: "log", role: "group", tabindex: 0, "aria-label": "[regions]" });
  const draw = () => {
    lines.hidden = !several && state.regions[0]?.region === "whole";
    lines.textContent = `[regions]\n${state.regions.map(boardLine).join("\n")}`;
  };
  draw();
  const hint = el("p", { class: "hint" }, several ? t("regionsHint", { region: state.region }) : t("regionHint"));
  return card(t("region"), hint, regionEditor(signal, draw), lines, ...following(signal));
}

/** Whether the region follows the part, and where that is. */
function following(signal) {
  const told = el("p", { class: "hint", id: "followed", role: "status" });
  const button = el("button", { class: "quiet", id: "follow", disabled: !may("change") });
  const where = () => state.status.device?.follow;
  const draw = () => {
    button.textContent = t(where() === undefined ? "follow" : "followNot");
    told.textContent = where() ?? "";
  };
  button.onclick = doing(async () => {
    await post("follow", { on: where() === undefined });
    await refresh();
  });
  const timer = setInterval(() => document.hidden || where() === undefined || refresh().catch(() => {}), 2000);
  signal.addEventListener("abort", () => clearInterval(timer));
  draw();
  on("changed", draw, signal);
  return [el("p", { class: "hint" }, t("followHint")), el("div", { class: "row" }, button), told];
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
  const wanted = () => ({ confidence: confidence.value / 100, false_reject: share.value / 100 });
  const effect = el("p", { class: "hint", id: "effect", role: "status" });
  let timer = 0;
  const tell = async () => {
    try {
      const { looked_at: of, right, wrong, unknown } = await get("try-threshold", wanted());
      effect.textContent = of ? t("thresholdEffect", { of, right, wrong, unknown }) : t("thresholdNoEffect");
    } catch (error) {
      effect.textContent = error.message;
    }
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(tell, 300);
  };
  for (const one of [confidence, share]) one.addEventListener("input", later);
  signal.addEventListener("abort", () => clearTimeout(timer));
  fill();
  tell();
  on("changed", () => (fill(), later()), signal);
  const save = doing(async () => {
    await post("set-threshold", { novelty: null, ...wanted() });
    toast(t("saved"));
    await refresh();
  });
  return card(
    t("thresholds"),
    el("form", { class: "fields", onsubmit: save },
      el("label", { for: "confidence" }, t("leastConfidence")), confidence,
      el("label", { for: "share" }, t("falseReject")), share, effect,
      may("change") ? el("button", { class: "primary", type: "submit" }, t("save")) : null),
  );
}

/** Exposure and white balance, where the camera lets them be locked. */
function cameraCard() {
  const NAMES = ["exposure", "white-balance"];
  const body = el("div", { class: "fields" });
  const load = async () => {
    const settings = await get("settings");
    const known = NAMES.filter((name) => settings[name] !== undefined);
    const box = (name) => {
      const change = doing(async () => {
        await post("set", { name, value: input.checked ? "locked" : "automatic" }).finally(load);
        toast(t("saved"));
      });
      const input = el("input", { type: "checkbox", id: name, checked: settings[name] === "locked", disabled: !may("change"), onchange: change });
      return el("label", { class: "check" }, input, t(name));
    };
    body.replaceChildren(...(known.length ? known.map(box) : [el("p", {}, t("cannotLock"))]));
  };
  load().catch(failed);
  return card(t("camera"), el("p", { class: "hint" }, t("lockHint")), body);
}

/** Light and colour of frames brought back to what was taught. */
function lightCard(signal) {
  const told = el("p", { class: "hint", id: "adapted", role: "status" });
  const adapt = el("button", { class: "primary", id: "adapt", disabled: !may("change") }, t("adaptLight"));
  const off = el("button", { class: "quiet", id: "adapt-off" }, t("adaptOff"));
  const draw = () => (off.hidden = !may("change") || state.status.device?.adapted === undefined);
  adapt.onclick = doing(async () => {
    adapt.disabled = true;
    told.textContent = t("adapting");
    try {
      const { applied, unknown, reason } = await post("adapt", { try: false });
      const [before, after] = unknown.map(percent);
      told.textContent = applied ? t("adaptedLight", { before, after }) : t("notAdapted", { reason });
    } catch (error) {
      told.textContent = error.message;
    } finally {
      adapt.disabled = false;
    }
    await refresh();
  });
  off.onclick = doing(async () => {
    await post("end-adapt");
    told.textContent = "";
    toast(t("saved"));
    await refresh();
  });
  draw();
  on("changed", draw, signal);
  return card(t("light"), el("p", { class: "hint" }, t("lightHint")), el("div", { class: "row" }, adapt, off), told);
}

/** The last blocks of the backbone trained with what was taught; it takes minutes, and goes on without this page. */
function finetuneCard(signal) {
  const told = el("p", { class: "hint", id: "finetuned", role: "status" });
  const begin = el("button", { class: "primary", id: "finetune", disabled: !may("change") }, t("finetune"));
  const stop = el("button", { class: "quiet", id: "finetune-stop" }, t("stop"));
  const isRunning = () => state.status.device?.finetuning !== undefined;
  const draw = () => {
    const { finetuning, finetuned } = state.status.device ?? {};
    stop.hidden = !may("change") || !isRunning();
    begin.disabled = !may("change") || isRunning();
    told.textContent = finetuning ?? finetuned ?? "";
  };
  const timer = setInterval(() => document.hidden || !isRunning() || refresh().catch(() => {}), 2000);
  signal.addEventListener("abort", () => clearInterval(timer));
  begin.onclick = doing(async () => {
    begin.disabled = true;
    // What came of it stands in the status, as does how far it is.
    const done = post("finetune", { try: false }).finally(refresh);
    setTimeout(() => refresh().catch(() => {}), 1000);
    // A browser gives up before a small board is done, which goes on.
    await done.catch((error) => {
      if (!isRunning()) throw error;
    });
  });
  stop.onclick = doing(async () => {
    await post("end-finetune");
    await refresh();
  });
  draw();
  on("changed", draw, signal);
  return card(t("finetuning"), el("p", { class: "hint" }, t("finetuneHint")), el("div", { class: "row" }, begin, stop), told);
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
  const shown = ["uptime_s", "frames_a_second", "dropped", "age_p50_ms", "age_p95_ms", "pin_p95_ms", "level_dbfs", "memory_mib", "temperature_c", "throttled", "camera"];
  const table = el("dl", { class: "health" });
  const lines = el("pre", { class: "log", role: "group", tabindex: 0, "aria-label": t("log") });
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
  const draw = () => {
    const guide = may("teach") ? el("a", { class: "button", href: "#/guide" }, t("guide")) : null;
    const cards = [regionCard(signal), cameraCard(), lightCard(signal), finetuneCard(signal), thresholdCard(signal), outputsCard(signal), policyCard(signal), checkpointCard(signal), backupCard(), healthCard(signal)];
    main.replaceChildren(el("div", { class: "cards" }, guide, ...cards));
  };
  draw();
}
