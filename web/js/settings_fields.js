import { element, sentenceOf } from "./dom.js";
import { refreshPrices } from "./price_line.js";
import { ask } from "./server.js";
import { say } from "./words.js";

/**
 * The settings on the server. The key itself is not among them.
 *
 * @typedef {object} Settings
 * @property {boolean} sandbox
 * @property {{source: string, hint: string, removable: boolean} | null} key
 * @property {Record<string, string | number | boolean>} values
 * @property {string[]} environment names of those that an environment variable sets
 * @property {string} file
 */

/** @typedef {(settings: Settings) => void} Show */

/** @type {Map<HTMLElement, Show>} the fields that are on the screen */
const shown = new Map();
let isLoading = false;

/** Show the server's values in all fields that are on the screen. */
async function load() {
  if (isLoading) return;
  isLoading = true;
  try {
    showAll(await ask("settings"));
  } catch (error) {
    for (const box of shown.keys()) box.replaceChildren(problem(sentenceOf(error)));
  } finally {
    isLoading = false;
  }
}

/** @param {Settings} settings */
function showAll(settings) {
  for (const show of shown.values()) show(settings);
}

/** @param {string} text */
export const problem = (text) => element("span", { class: "aigateway-refused" }, text);

/**
 * A field of the panel. The server stores its value, ComfyUI does not.
 *
 * @param {(note: HTMLElement) => [Show, ...HTMLElement[]]} make
 */
export function field(make) {
  return () => {
    const note = element("div", { class: "aigateway-note", role: "status" });
    const [show, ...controls] = make(note);
    const box = element("div", { class: "aigateway-setting" });
    box.append(element("div", { class: "aigateway-controls" }, ...controls), note);
    // Forget the fields of a panel that was closed.
    for (const old of shown.keys()) if (old.dataset.shown && !old.isConnected) shown.delete(old);
    shown.set(box, (settings) => {
      box.dataset.shown = "true";
      show(settings);
    });
    void load();
    return box;
  };
}

/**
 * @param {string} name
 * @param {unknown} value null for the default
 * @param {HTMLElement} note says that it was saved, or why not
 */
export async function save(name, value, note) {
  note.replaceChildren();
  try {
    showAll(await ask("settings", { method: "PUT", body: { name, value } }));
    note.textContent = say("saved");
    refreshPrices();
  } catch (error) {
    note.replaceChildren(problem(sentenceOf(error)));
    void load();
  }
}

/**
 * Disable a control whose value an environment variable sets.
 *
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string} name
 * @param {Settings} settings
 * @param {HTMLElement} note
 */
function disableFixed(control, name, settings, note) {
  control.disabled = settings.environment.includes(name);
  if (control.disabled)
    note.textContent = say("from_environment", { name: `AIGATEWAY_${name.toUpperCase()}` });
}

/**
 * @param {string} name
 * @param {string[]} words
 */
export const choiceField = (name, words) =>
  field((note) => {
    const options = words.map((value) => element("option", { value }, say(`${name}_${value}`)));
    const select = element("select", { class: "aigateway-input", "aria-label": say(name) });
    select.append(...options);
    select.addEventListener("change", () => void save(name, select.value, note));
    /** @type {Show} */
    const show = (settings) => {
      select.value = String(settings.values[name]);
      disableFixed(select, name, settings, note);
    };
    return [show, select];
  });

/**
 * ComfyUI's panel shows the name of a setting in an element with this id.
 *
 * @param {string} name
 */
const labelOf = (name) => ({ "aria-labelledby": `AIgateway.${name}-label` });

/** @param {string} name */
export const amountField = (name) =>
  field((note) => {
    const input = element("input", { type: "number", min: "0", step: "any", ...labelOf(name) });
    input.classList.add("aigateway-input", "aigateway-amount");
    input.addEventListener("change", () => {
      // An empty field means the default.
      void save(name, input.value === "" ? null : Number(input.value), note);
    });
    /** @type {Show} */
    const show = (settings) => {
      input.value = String(settings.values[name]);
      disableFixed(input, name, settings, note);
    };
    return [show, input];
  });

/** @param {string} name */
export const switchField = (name) =>
  field((note) => {
    const input = element("input", { type: "checkbox", ...labelOf(name) });
    input.addEventListener("change", () => void save(name, input.checked, note));
    /** @type {Show} */
    const show = (settings) => {
      input.checked = Boolean(settings.values[name]);
      disableFixed(input, name, settings, note);
    };
    return [show, input];
  });
