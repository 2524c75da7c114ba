// The examples by class: those with a suspect label first, with the reason; to move to another class or to forget.

import { get, on, post, refresh, state, thumbnail } from "./api.js";
import { confusion } from "./confusion.js";
import { el, failed, goodClasses, may, percent, toast } from "./dom.js";
import { chooser, classButtons, download, heatButton } from "./inbox.js";
import { t } from "./words.js";

const MOST = 300;

export function examples(main, signal) {
  let filter = null;
  let all = [];
  const count = el("span", { class: "count", role: "status" });
  const none = el("p", { class: "empty" }, t("noExamples"));
  const more = el("p", { class: "hint" });
  const chips = el("div", { class: "filters", role: "group", "aria-label": t("filter") });
  const { list, chosen, fill } = chooser(t("examples"), () => {
    bar.classList.toggle("on", chosen.size > 0);
    count.textContent = t("chosen", { count: chosen.size });
  });

  const draw = () => {
    const good = goodClasses();
    const wrong = new Set(state.status.wrong_labels ?? []);
    const suspects = new Set(state.status.suspects ?? []);
    const rank = ({ id }) => (wrong.has(id) ? 0 : suspects.has(id) ? 1 : 2);
    const fits = (one) => filter === null || (filter === "suspects" ? rank(one) < 2 : one.class === filter);
    const shown = all.filter(fits).sort((a, b) => rank(a) - rank(b) || b.id - a.id);
    none.hidden = shown.length > 0;
    none.textContent = filter === "suspects" ? t("noSuspects") : t("noExamples");
    more.textContent = shown.length > MOST ? t("firstOf", { most: MOST, count: shown.length }) : "";
    fill(
      shown.slice(0, MOST).map((one) => ({
        id: one.id,
        picture: thumbnail({ example: one.id }),
        kind: rank(one) < 2 ? "unknown" : good.has(one.class) ? "ok" : "ng",
        caption: `${one.class} ${one.id}`,
        reason: one.doubt ? t(rank(one) === 0 ? "doubtWrong" : "doubtHard", { class: one.doubt.class, sure: percent(one.doubt.confidence) }) : "",
      })),
    );
    const chip = (value, text) => {
      const choose = () => {
        filter = value;
        chosen.clear();
        draw();
      };
      return el("button", { class: "chip", "aria-pressed": String(filter === value), onclick: choose }, text);
    };
    const focus = document.activeElement?.closest?.(".filters") ? [...chips.children].indexOf(document.activeElement) : -1;
    chips.replaceChildren(
      chip(null, t("all", { count: all.length })),
      chip("suspects", t("suspectCount", { count: suspects.size })),
      ...state.classes.map((one) => chip(one.class, `${one.class} ${one.examples}`)),
    );
    if (focus >= 0) chips.children[focus]?.focus();
  };
  const load = async () => {
    all = await get("examples");
    draw();
  };
  const undoable = (text) =>
    toast(text, {
      seconds: 10,
      kind: "good",
      action: {
        text: t("undo"),
        call: async () => {
          try {
            const undone = await post("undo");
            toast(t("undone", { what: undone.changes.slice(0, 3).join(", ") }));
            await refresh();
          } catch (error) {
            failed(error);
          }
        },
      },
    });
  const change = async (name, fields, text) => {
    if (!chosen.size) return;
    try {
      await post(name, fields([...chosen].map(Number)));
      undoable(text(chosen.size));
      chosen.clear();
      await refresh();
    } catch (error) {
      failed(error);
    }
  };
  const relabel = (name) => change("relabel", (ids) => ({ examples: ids, class: name }), (count) => t("relabelled", { count, class: name }));
  const forget = () => change("forget", (ids) => ({ Examples: ids }), (count) => t("forgotten", { count }));
  const bar = may("change")
    ? el("div", { class: "actions" }, count, el("span", { class: "label" }, t("moveTo")), classButtons(signal, relabel), el("button", { class: "quiet bad", onclick: forget }, t("forget")), heatButton(chosen, "example"))
    : el("div", { class: "actions" }, count, heatButton(chosen, "example"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Delete" && chosen.size && may("change") && !event.target.closest?.("input")) forget();
  }, { signal });
  on("changed", () => load().catch(() => {}), signal);
  on("region", () => load().catch(failed), signal);
  main.replaceChildren(
    el("section", { class: "page" }, el("h2", {}, t("examples")), el("p", { class: "hint" }, t("examplesHint")), confusion(signal), chips, bar, none, list, more, download("images.zip", t("downloadImages"), signal)),
  );
  load().catch(failed);
}
