/** @type {Record<string, string>} */
let words = {};

/** @param {Record<string, string>} given the words to use from now on, by their keys */
export function useWords(given) {
  words = given;
}

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
