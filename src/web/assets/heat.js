// Where in a kept picture its prediction comes from, in a dialog.

import { fileOf } from "./api.js";
import { el, failed } from "./dom.js";
import { t } from "./words.js";

/** Asks for it and shows it; `fields` names an example or a frame of the inbox. */
export async function heat(fields) {
  try {
    const answer = await fetch(`${fileOf("explain")}?${new URLSearchParams(fields)}`);
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? answer.statusText);
    const url = URL.createObjectURL(await answer.blob());
    const dialog = el(
      "dialog",
      { class: "heat", "aria-labelledby": "heat-title" },
      el("h2", { id: "heat-title" }, t("heat")),
      el("img", { src: url, alt: t("heatPicture") }),
      el("p", { class: "hint" }, t("heatHint")),
      el("form", { method: "dialog", class: "row end" }, el("button", { class: "primary" }, t("close"))),
    );
    dialog.addEventListener("close", () => {
      URL.revokeObjectURL(url);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  } catch (error) {
    failed(error);
  }
}
