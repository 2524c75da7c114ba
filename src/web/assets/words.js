// The language of the page: the browser's, or the one that was chosen.

/** Each by its own name; its file is loaded where it is chosen. */
const LANGUAGES = { en: "English", de: "Deutsch" };
const KEY = "fieldtune-language";

function choose() {
  let wanted = null;
  try {
    wanted = localStorage.getItem(KEY);
  } catch {}
  const known = [wanted, ...navigator.languages.map((tag) => tag.slice(0, 2))].find((tag) => tag in LANGUAGES);
  return known ?? "en";
}

export const language = choose();
document.documentElement.lang = language;
const { default: texts } = await import(`./words-${language}.js`);

/** The other language, and how it calls itself. */
export function nextLanguage() {
  const codes = Object.keys(LANGUAGES);
  const code = codes[(codes.indexOf(language) + 1) % codes.length];
  return { code, name: LANGUAGES[code] };
}

export function setLanguage(code) {
  localStorage.setItem(KEY, code);
  location.reload();
}

/** A text with its {places} filled in. */
export function t(key, places = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(places[name] ?? ""));
}
