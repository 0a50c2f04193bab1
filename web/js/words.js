/** @type {Record<string, string>} */
let words = {};
let language = "en";

/**
 * @param {Record<string, string>} given the words to use from now on, by their keys
 * @param {string} [of] their language
 */
export function useWords(given, of = "en") {
  words = given;
  language = of;
}

export const isEnglish = () => language === "en";

/** @param {string} key */
export const has = (key) => key in words;

/**
 * The words of a key, in the language of the page.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values] replace `{name}` in the words
 */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
