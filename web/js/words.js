import { api, app } from "./comfy.js";

/** @type {Record<string, string>} */
let words = {};

/** Read the words of the language that ComfyUI is set to; English where one is missing. */
export async function loadWords() {
  const locale = String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en");
  const response = await api.fetchApi("/i18n");
  const locales = await response.json();
  const chosen = locales[locale] ?? locales[locale.split("-")[0]];
  words = { ...locales.en?.aigateway, ...chosen?.aigateway };
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values] put where the words have `{name}`
 */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
