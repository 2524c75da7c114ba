// The frame of the page: views, PIN, language, colours.

import { begin, chooseRegion, on, post, refreshSession, setPinDialog, state } from "./api.js";
import { el, failed, icon, toast } from "./dom.js";
import { examples } from "./examples.js";
import { inbox } from "./inbox.js";
import { live } from "./live.js";
import { operator } from "./operator.js";
import { nextLanguage, setLanguage, t } from "./words.js";

/** Those that a first look does not need are loaded once they are opened. */
const late = (name) => async (...to) => (await import(`./${name}.js`))[name](...to);
const VIEWS = { live, inbox, examples, operator, setup: late("setup"), guide: late("guide") };
const main = document.getElementById("main");
let leaving = new AbortController();

function show() {
  const wanted = location.hash.slice(2);
  const name = wanted in VIEWS ? wanted : "live";
  leaving.abort();
  leaving = new AbortController();
  document.title = `${t(name)} - fieldtune`;
  for (const link of document.querySelectorAll("#tabs a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.view = name;
  Promise.resolve(VIEWS[name](main, leaving.signal)).catch(failed);
}

/** Asks for the PIN; whether it was right. */
function pinDialog() {
  return new Promise((done) => {
    const field = el("input", { id: "pin", type: "password", inputmode: "numeric", autocomplete: "off", required: true, maxlength: 64 });
    const problem = el("p", { class: "problem", role: "alert" });
    const close = (value) => {
      dialog.close();
      dialog.remove();
      done(value);
    };
    const submit = async (event) => {
      event.preventDefault();
      try {
        await post("unlock", { pin: field.value });
        await refreshSession();
        close(true);
      } catch (error) {
        problem.textContent = error.message;
        field.select();
      }
    };
    const cancel = () => close(false);
    const dialog = el(
      "dialog",
      { "aria-labelledby": "pin-title", oncancel: cancel },
      el("form", { onsubmit: submit }, el("h2", { id: "pin-title" }, t("pinTitle")), el("p", {}, t("pinWhy")), el("label", { for: "pin" }, "PIN"), field, problem,
        el("div", { class: "row end" }, el("button", { class: "quiet", type: "button", onclick: cancel }, t("cancel")), el("button", { class: "primary", type: "submit" }, t("unlock")))),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

function tools() {
  const box = document.getElementById("tools");
  const { access, unlocked } = state.session;
  const nodes = [];
  if (access === "read-only") nodes.push(el("span", { class: "badge" }, icon("eye"), t("readOnly")));
  if (access === "locked") {
    const lock = async () => {
      try {
        if (unlocked) {
          await post("lock");
          await refreshSession();
          toast(t("lockedAgain"));
        } else {
          await pinDialog();
        }
      } catch (error) {
        failed(error);
      }
    };
    nodes.push(el("button", { class: "quiet", onclick: lock }, icon(unlocked ? "open" : "lock"), el("span", {}, t(unlocked ? "lock" : "unlock"))));
  }
  if (state.region !== null) {
    const options = state.regions.map(({ name }) => el("option", { value: name, selected: name === state.region }, name));
    nodes.push(el("select", { "aria-label": t("region"), onchange: (event) => chooseRegion(event.target.value) }, options));
  }
  const other = nextLanguage();
  nodes.push(el("button", { class: "quiet", lang: other.code, onclick: () => setLanguage(other.code) }, other.name));
  nodes.push(el("button", { class: "quiet", "aria-label": t("theme"), title: t("theme"), onclick: turn }, icon("theme")));
  box.replaceChildren(...nodes);
}

const THEME = "fieldtune-theme";

function turn() {
  const isDark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const next = isDark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(THEME, next);
}

async function start() {
  try {
    const theme = localStorage.getItem(THEME);
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {}
  const tabs = Object.keys(VIEWS).filter((name) => name !== "guide").map((name) => el("a", { href: `#/${name}`, "data-view": name }, t(name)));
  document.getElementById("tabs").replaceChildren(...tabs);
  document.getElementById("tabs").setAttribute("aria-label", t("views"));
  document.getElementById("toasts").setAttribute("aria-label", t("messages"));
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = t(node.dataset.word);
  setPinDialog(pinDialog);
  const offline = document.getElementById("offline");
  on("online", (isOnline) => {
    offline.hidden = isOnline;
    offline.textContent = t("offline");
  });
  on("session", tools);
  for (;;) {
    try {
      await begin();
      break;
    } catch (error) {
      offline.hidden = false;
      offline.textContent = error.message;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
  tools();
  offline.hidden = true;
  addEventListener("hashchange", show);
  show();
}

start();
