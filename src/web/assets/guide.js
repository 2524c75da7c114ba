// Guided set-up of a device that has no classes yet: region, two classes, five examples of each, try it, output.

import { get, on, post, prediction, refresh, state } from "./api.js";
import { doing, el, icon, may, toast } from "./dom.js";
import { picture, verdict } from "./live.js";
import { leave } from "./offer.js";
import { regionEditor } from "./region.js";
import { t } from "./words.js";

const WANTED = 5;

const STEPS = [camera, names, (it) => teaching(it, 0), (it) => teaching(it, 1), trying, output];

/** The picture and what it is taken for. */
const sight = (it) => el("div", { class: "camera" }, picture(it.signal, (number) => (it.frame = number)), verdict(it.signal));

function camera(it) {
  return [t("guideCamera"), el("p", {}, t("guideCameraHint")), regionEditor(it.signal, it.next)];
}

function names(it) {
  const problem = el("p", { class: "problem", role: "alert" });
  const field = (at) => el("input", { id: `class-${at}`, maxlength: 64, autocomplete: "off", required: true, value: it.names[at], placeholder: t("newClassExample").split(", ")[at] });
  const fields = [field(0), field(1)];
  it.check = () => {
    it.names = fields.map((one) => one.value.trim());
    const isWrong = !it.names[0] || !it.names[1] || it.names[0] === it.names[1];
    problem.textContent = isWrong ? t("guideTwoNames") : "";
    if (isWrong) fields[it.names[0] ? 1 : 0].focus();
    return !isWrong;
  };
  const submit = (event) => {
    event.preventDefault();
    it.next();
  };
  return [
    t("guideNames"),
    el("p", {}, t("guideNamesHint")),
    el("form", { class: "fields", onsubmit: submit }, el("label", { for: "class-0" }, t("guideFirst")), fields[0], el("label", { for: "class-1" }, t("guideSecond")), fields[1], problem,
      el("button", { class: "spoken", tabindex: -1, type: "submit", "aria-hidden": "true" })),
  ];
}

/** Independent looks at a class. */
async function looksAt(name) {
  const { classes } = await get("confusion");
  return classes.find((one) => one.class === name)?.looks ?? 0;
}

function teaching(it, at) {
  const name = it.names[at];
  // The examples of each request: what one taught is taken back by one.
  const requests = it.taught[at];
  const count = () => requests.flat().length;
  const said = el("p", { class: "moving", role: "status" });
  const dots = el("p", { class: "dots" });
  const all = el("button", { class: "primary", type: "button" });
  const one = el("button", { type: "button" }, t("guideOne"));
  const again = el("button", { class: "quiet", type: "button" }, t("guideAgain"));
  const draw = () => {
    const text = t("guideCount", { count: count(), wanted: WANTED });
    dots.replaceChildren(el("span", { class: "marks", "aria-hidden": "true" }, "●".repeat(count()).padEnd(WANTED, "○")), ` ${text}`);
    all.textContent = t("guideAll", { count: WANTED - count() });
    all.hidden = one.hidden = count() >= WANTED;
    again.hidden = count() === 0;
    it.ready(count() >= WANTED);
  };
  /** Keeps what differs; what shows the part as it lay before is taken back. */
  const take = async (request, fields, wanted) => {
    for (const button of [all, one, again]) button.disabled = true;
    try {
      const looks = await looksAt(name);
      const reply = await post(request, { class: name, ...fields });
      const isOld = reply.examples.length === 1 && count() > 0 && (await looksAt(name)) === looks;
      if (isOld) await post("undo-teach", { examples: reply.examples });
      else requests.push(reply.examples);
      said.textContent = isOld || reply.examples.length < wanted ? t("guideAlike") : "";
      await refresh();
    } finally {
      for (const button of [all, one, again]) button.disabled = false;
      draw();
      if (count() >= WANTED) it.forward.focus();
    }
  };
  all.addEventListener("click", doing(() => take("teach", { count: WANTED - count(), any: false }, WANTED - count())));
  one.addEventListener("click", doing(() => it.frame !== null && take("teach-frames", { frames: [it.frame] }, 1)));
  again.addEventListener("click", doing(async () => {
    while (requests.length > 0) {
      await post("undo-teach", { examples: requests.at(-1) });
      requests.pop();
    }
    await refresh();
    draw();
  }));
  on("progress", (step) => {
    if (step.class !== name) return;
    said.textContent = step.waiting ? t("movePart") : t("gathering", { class: name, done: count() + step.done });
  }, it.signal);
  draw();
  const side = el("div", { class: "side" }, dots, said, el("div", { class: "row wrap" }, all, one, again));
  return [t("guideShow", { class: name }), el("p", {}, t("guideShowHint")), el("div", { class: "beside" }, sight(it), side)];
}

function trying(it) {
  const seen = new Set();
  const list = el("ul", { class: "lines" });
  const draw = () => {
    const now = prediction();
    if (now?.class) seen.add(now.class);
    list.replaceChildren(...it.names.map((name) => el("li", {}, el("strong", {}, name), el("span", { class: seen.has(name) ? "state active" : "state" }, icon(seen.has(name) ? "ok" : "none"), " ", t(seen.has(name) ? "guideSeen" : "guideNotSeen")))));
  };
  draw();
  on("prediction", () => prediction()?.class && !seen.has(prediction().class) && draw(), it.signal);
  const wrong = it.names.map((name) => el("button", { type: "button", onclick: doing(async () => {
    await post("teach-frames", { class: name, frames: [it.frame] });
    toast(t("taughtOne", { class: name }), { kind: "good" });
    await refresh();
  }) }, name));
  const next = el("p", { class: "next" });
  const advise = () => (next.textContent = state.status.next ? t("nextStep", { sentence: state.status.next }) : "");
  advise();
  on("changed", advise, it.signal);
  const side = el("div", { class: "side" }, list, el("p", {}, t("guideWrong")), el("div", { class: "row wrap" }, wrong), next);
  return [t("guideTry"), el("p", {}, t("guideTryHint")), el("div", { class: "beside" }, sight(it), side)];
}

/** An action of a policy, as its file has it. */
const action = (output, name) => `\n[[action]]\noutput = ${JSON.stringify(output)}\nwhen = [${JSON.stringify(name)}]\ndo = "hold"\n`;

function output(it) {
  const list = el("ul", { class: "lines" });
  const rule = el("div", { class: "fields" });
  const load = async () => {
    const [outputs, policy] = await Promise.all([get("outputs"), get("policy")]);
    list.replaceChildren(...outputs.map(({ name }) => el("li", {}, el("strong", {}, name), el("button", { class: "quiet", type: "button", disabled: !may("change"), onclick: doing(() => post("test-output", { name })) }, t("test")))));
    if (!outputs.length) return list.replaceChildren(el("li", {}, t("noOutputs")));
    const isFree = !/^\s*\[\[action\]\]/m.test(policy.text ?? "");
    if (!isFree) return rule.replaceChildren(el("p", {}, t("guideHasPolicy", { policy: policy.policy })));
    const which = el("select", { id: "output" }, outputs.map(({ name }) => el("option", { value: name }, name)));
    const when = el("select", { id: "when" }, it.names.map((name, at) => el("option", { value: name, selected: at === 1 }, name)));
    const text = () => action(which.value, when.value);
    const shown = el("pre", { class: "log" }, text());
    const change = () => (shown.textContent = text());
    which.addEventListener("change", change);
    when.addEventListener("change", change);
    const save = doing(async () => {
      await post("save-policy", { text: policy.text + text(), revision: policy.revision });
      toast(t("saved"), { kind: "good" });
      rule.replaceChildren(el("p", {}, t("guideSwitches", { output: which.value, class: when.value })));
      it.forward.focus();
    });
    const last = policy.editable && may("change") ? el("button", { class: "primary", type: "button", onclick: save }, t("save")) : el("div", {}, el("p", { class: "hint" }, t("guideNoFile")), shown);
    rule.replaceChildren(el("label", { for: "output" }, t("guideOutput")), which, el("label", { for: "when" }, t("guideWhen")), when, last);
  };
  load().catch((error) => rule.replaceChildren(el("p", { class: "problem" }, error.message)));
  return [t("guideOutputs"), el("p", {}, t("guideOutputsHint")), list, rule];
}

export function guide(main, signal) {
  const begun = Date.now();
  const it = { names: ["", ""], taught: [[], []], frame: null };
  let at = 0;
  let leaving = null;
  signal.addEventListener("abort", () => leaving?.abort());
  const show = () => {
    leaving?.abort();
    leaving = new AbortController();
    Object.assign(it, { signal: leaving.signal, check: () => true, frame: null });
    const isLast = at === STEPS.length - 1;
    it.forward = el("button", { class: "primary forward", type: "button", onclick: () => it.next() }, t(isLast ? "guideEnd" : "guideNext"));
    it.ready = (isReady) => (it.forward.disabled = !isReady);
    const [title, ...children] = STEPS[at](it);
    const heading = el("h2", { tabindex: -1 }, title);
    const back = el("button", { class: "quiet", type: "button", hidden: at === 0, onclick: () => go(-1) }, t("guideBack"));
    const skip = el("button", { class: "quiet", type: "button", onclick: leave }, t("guideSkip"));
    main.replaceChildren(el("section", { class: "page guide", "aria-label": t("guide") },
      el("p", { class: "hint" }, t("guideStep", { at: at + 1, of: STEPS.length })), heading, ...children,
      el("div", { class: "row wrap end" }, skip, back, it.forward)));
    heading.focus();
  };
  const go = (by) => {
    at += by;
    show();
  };
  it.next = () => {
    if (!it.check()) return;
    if (at + 1 < STEPS.length) return go(1);
    toast(t("guideDone", { seconds: Math.round((Date.now() - begun) / 1000) }), { kind: "good", seconds: 8 });
    leave();
  };
  show();
}
