// The device, over HTTP: requests, events, the newest picture.

import { t } from "./words.js";

/** What is known of the device and of what this browser may do. */
export const state = {
  session: { access: "read-only", may_teach: false, may_change: false, unlocked: false },
  classes: [],
  status: {},
  regions: [],
  /** The region that is shown and taught; null where there is one. */
  region: null,
  /** The newest prediction of each region, by its name ("" where there is one). */
  predictions: new Map(),
};

const listeners = new Map();

/** Calls back for "prediction", "changed", "progress", "session", "online", "region". */
export function on(name, call, signal) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(call);
  signal?.addEventListener("abort", () => listeners.get(name).delete(call));
}

export function emit(name, value) {
  for (const call of listeners.get(name) ?? []) call(value);
}

/** What asks for the PIN: set by the page. */
let askPin = async () => false;
export function setPinDialog(call) {
  askPin = call;
}

export class Refused extends Error {}

function path(name, ofRegion) {
  const region = ofRegion ? state.region : null;
  return region === null ? `/api/v1/${name}` : `/api/v1/regions/${encodeURIComponent(region)}/${name}`;
}

/** The newest picture of what the region that is shown is of, other than that of a number. */
function pictureAfter(seen) {
  const region = state.region === null ? "" : `&region=${encodeURIComponent(state.region)}`;
  return `/api/v1/picture?after=${seen}${region}`;
}

/** Where a file of the region that is shown is. */
export const fileOf = (name) => path(name, true);

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Refused(t("offline"));
  }
  const value = await response.json().catch(() => ({}));
  if (response.ok) return value;
  const refused = new Refused(value.error ?? response.statusText);
  refused.status = response.status;
  throw refused;
}

const WHOLE = new Set(["counts", "outputs", "log", "settings", "version", "regions", "policy"]);

/** Asks for what only reads. */
export function get(name, fields = {}) {
  const query = new URLSearchParams(fields).toString();
  return ask(path(name, !WHOLE.has(name)) + (query && `?${query}`), {});
}

/** Asks for what changes something; asks for the PIN where that is wanted, once. */
export async function post(name, fields = {}) {
  const send = () =>
    ask(path(name, name !== "unlock" && name !== "lock"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
  try {
    return await send();
  } catch (error) {
    const isLocked = error.status === 403 && state.session.access === "locked" && name !== "unlock";
    if (!isLocked || !(await askPin())) throw error;
    return send();
  }
}

/** Sends a file; asks for the PIN where that is wanted, once. */
export async function upload(name, file) {
  const headers = { "content-type": "application/octet-stream" };
  const send = () => ask(path(name, true), { method: "POST", headers, body: file });
  try {
    return await send();
  } catch (error) {
    if (error.status !== 403 || state.session.access !== "locked" || !(await askPin())) throw error;
    return send();
  }
}

/** The picture of an example or of a frame that was classified; a neutral one where none is kept. */
export function thumbnail(fields) {
  const region = state.region === null ? {} : { region: state.region };
  return `/api/v1/thumbnail?${new URLSearchParams({ ...fields, ...region })}`;
}

export async function refreshSession() {
  state.session = await ask("/api/v1/session", {});
  emit("session", state.session);
}

let refreshing = null;
/** Asks again what was learned; several calls at a time are one. */
export function refresh() {
  refreshing ??= (async () => {
    try {
      [state.classes, state.status] = await Promise.all([get("classes"), get("status")]);
      emit("changed", null);
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

/** Asks which regions there are, then what was learned. */
export async function begin() {
  await refreshSession();
  const regions = await get("regions");
  state.regions = regions;
  state.region = regions.length > 1 ? regions[0].name : null;
  await refresh();
  listen();
}

export function chooseRegion(name) {
  state.region = name;
  emit("region", name);
  return refresh();
}

/** The prediction of the region that is shown. */
export function prediction() {
  return state.predictions.get(state.region ?? "");
}

function listen() {
  const source = new EventSource("/api/v1/events");
  let run = null;
  source.addEventListener("hello", (event) => {
    const now = JSON.parse(event.data).run;
    // Another run counts its frames anew.
    if (run !== null && run !== now) state.predictions.clear();
    const isBack = run !== null;
    run = now;
    emit("online", true);
    if (isBack) refreshSession().then(refresh).catch(() => {});
  });
  source.addEventListener("prediction", (event) => {
    const value = JSON.parse(event.data);
    state.predictions.set(value.region ?? "", value);
    emit("prediction", value);
  });
  let waits = 0;
  source.addEventListener("changed", () => {
    clearTimeout(waits);
    waits = setTimeout(() => refresh().catch(() => {}), 150);
  });
  source.addEventListener("progress", (event) => emit("progress", JSON.parse(event.data)));
  source.onerror = () => emit("online", false);
  // What a button or the console teaches is not told by an event.
  setInterval(() => document.hidden || refresh().catch(() => {}), 5000);
}

/** Fetches the newest picture again and again, until the signal; calls back with its number, URL and size. While `heat.on`,
 * with where its prediction comes from: as seldom as leaves the device most of its time. */
export async function watch(call, signal, heat = {}) {
  const PACE = 120;
  let seen = 0;
  let url = null;
  while (!signal.aborted) {
    const begun = performance.now();
    let pace = PACE;
    try {
      const response = await fetch(heat.on ? fileOf("explain") : pictureAfter(seen), { signal });
      if (response.status === 409 && heat.on) heat.refused((await response.json()).error);
      if (heat.on) pace = Math.max(2 * PACE, 4 * (performance.now() - begun));
      if (response.status === 200) {
        const number = Number(response.headers.get("x-frame"));
        const size = [Number(response.headers.get("x-width")), Number(response.headers.get("x-height"))];
        const next = URL.createObjectURL(await response.blob());
        const ofSense = response.headers.has("x-sense");
        await call({ number, url: next, size, ofSense });
        if (url) URL.revokeObjectURL(url);
        url = next;
        seen = number;
      }
    } catch {
      if (signal.aborted) break;
      await new Promise((done) => setTimeout(done, 1000));
    }
    while (document.hidden && !signal.aborted) await new Promise((done) => setTimeout(done, 300));
    const left = pace - (performance.now() - begun);
    if (left > 0) await new Promise((done) => setTimeout(done, left));
  }
  if (url) URL.revokeObjectURL(url);
}
