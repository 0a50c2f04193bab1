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
 * @param {string} key
 * @param {Record<string, string | number>} [values] replace `{name}` in the words
 */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** An amount as the server writes it: `$0.006`, `$24.00`. @param {number} amount */
export function dollars(amount) {
  if (amount === 0 || amount >= 0.1) return `$${amount.toFixed(2)}`;
  // Four decimals, or more if the amount is small, so that two digits are not 0.
  const decimals = Math.max(4, 1 - Math.floor(Math.log10(amount)));
  return `$${amount.toFixed(decimals).replace(/0+$/, "")}`;
}

/** A duration in minutes and seconds: `3:05`. @param {number} seconds */
export function length(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number} seconds since something happened */
export function age(seconds) {
  if (seconds < 60) return say("age_now");
  if (seconds < 3600) return say("age_minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return say("age_hours", { n: Math.floor(seconds / 3600) });
  return say("age_days", { n: Math.floor(seconds / 86400) });
}
