import { readFileSync } from "node:fs";
import { useWords } from "../../web/js/words.js";

/** @param {string} language a folder of `locales/`: the page uses its words from now on */
export function speak(language) {
  const file = new URL(`../../locales/${language}/main.json`, import.meta.url);
  useWords(JSON.parse(readFileSync(file, "utf-8")).aigateway, language);
}
