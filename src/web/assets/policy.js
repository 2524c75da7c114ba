// The policy as text: what outputs and buttons do. It is checked and stored by the device, whole or not at all.

import { get, post } from "./api.js";
import { card, doing, el, failed, may, toast } from "./dom.js";
import { t } from "./words.js";

export function policyCard() {
  const text = el("textarea", { id: "policy", rows: 12, spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": t("policy"), readonly: true });
  const problem = el("pre", { class: "problem", role: "alert" });
  const where = el("p", { class: "hint" });
  const save = el("button", { class: "primary", type: "submit", hidden: true }, t("save"));
  const again = el("button", { class: "quiet", type: "button", hidden: true }, t("policyReload"));
  let revision = null;
  const load = async () => {
    const policy = await get("policy");
    const isEditable = policy.editable && may("change");
    revision = policy.revision;
    text.value = policy.text;
    text.readOnly = !isEditable;
    save.hidden = again.hidden = !isEditable;
    where.textContent = policy.editable ? t("policyHint", { policy: policy.policy }) : policy.why;
    problem.textContent = "";
  };
  /** Puts the cursor where the fault is, as far as the message says. */
  const point = (message) => {
    const line = Number(message.match(/line (\d+)/)?.[1]);
    if (!line) return;
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  };
  const submit = async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      ({ revision } = await post("save-policy", { text: text.value, revision }));
      toast(t("policySaved"), { kind: "good" });
    } catch (error) {
      problem.textContent = error.message;
      text.focus();
      point(error.message);
    }
  };
  again.addEventListener("click", doing(load));
  load().catch(failed);
  return card(t("policy"), where, el("form", { class: "fields wide", onsubmit: submit }, text, problem, el("div", { class: "row" }, save, again)));
}
