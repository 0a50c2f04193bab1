import { api, app } from "./comfy.js";
import { useWords } from "./words.js";

/** Read the words of the language that ComfyUI is set to; English where one is missing. */
async function loadWords() {
  const locale = String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en");
  const response = await api.fetchApi("/i18n");
  const locales = await response.json();
  // Another pack may have words in a language that this one does not have.
  const chosen = [locale, locale.split("-")[0] ?? ""].find((code) => locales[code]?.aigateway);
  const words = { ...locales.en?.aigateway, ...locales[chosen ?? "en"]?.aigateway };
  useWords(words, chosen);
}

/** Load the words now, and again when the language changes. */
export async function watchLanguage() {
  app.ui.settings.addEventListener("Comfy.Locale.change", () => void loadWords());
  await loadWords();
}
