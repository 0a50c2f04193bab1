import { element, sentenceOf } from "./dom.js";
import { DASHBOARD_URL, stepButton } from "./error_steps.js";
import { refreshPrices } from "./price_line.js";
import { ask } from "./server.js";
import { dollars, say } from "./words.js";

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
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string} name
 * @param {Settings} settings
 * @param {HTMLElement} note
 */
function disableFixed(control, name, settings, note) {
  control.disabled = settings.environment.includes(name);
  if (control.disabled && name === "mode" && settings.values.mode === "sandbox") {
    note.textContent = say("key_unused_variable");
    return;
  }
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

/** ComfyUI's panel shows the name of a setting in an element with this id. @param {string} name */
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

export const keyField = field((note) => {
  const input = element("input", {
    type: "password",
    // Keeps browsers from filling in or saving a password.
    autocomplete: "new-password",
    "aria-label": say("key"),
    class: "aigateway-input",
    placeholder: "sk-aig-…",
  });
  const store = () => {
    if (!input.value.trim()) return;
    void save("api_key", input.value, note);
    input.value = "";
  };
  input.addEventListener("keydown", (event) => event.key === "Enter" && store());
  const keep = element("button", { type: "button", class: "aigateway-button", onclick: store });
  keep.textContent = say("save");
  const remove = element("button", { type: "button", class: "aigateway-button" }, say("remove"));
  remove.addEventListener("click", () => void save("api_key", null, note));
  const state = element("div", { class: "aigateway-note" });
  const target = { href: DASHBOARD_URL, target: "_blank", rel: "noopener noreferrer" };
  const away = element("a", { class: "aigateway-link", ...target }, say("step_get_key"));
  /** @type {Show} */
  const show = (settings) => {
    const { key, environment } = settings;
    const fixed = environment.includes("api_key");
    for (const control of [input, keep, remove]) control.disabled = fixed;
    remove.hidden = !key?.removable;
    const none = say(settings.sandbox ? "key_none_sandbox" : "key_none");
    state.textContent = key ? say("key_from", { hint: key.hint, source: key.source }) : none;
    if (!key) state.append(" ", away);
    if (settings.values.mode !== "sandbox") return;
    const isVariable = environment.includes("mode");
    const why = say(isVariable ? "key_unused_variable" : "key_unused_mode");
    state.append(" ", problem(why), ...(isVariable ? [] : [" ", stepButton("change_mode")]));
  };
  const line = element("div", { class: "aigateway-controls" }, input, keep, remove);
  return [show, element("div", {}, line, state)];
});

export const connectionField = field((note) => {
  const test = element("button", { type: "button", class: "aigateway-button" });
  test.textContent = say("test_connection");
  test.addEventListener("click", async () => {
    test.disabled = true;
    note.textContent = say("testing");
    try {
      const { sandbox, balance } = await ask("test-connection", { method: "POST" });
      if (sandbox) note.textContent = say("connection_sandbox");
      else if (balance === null) note.textContent = say("connection_works");
      else note.textContent = say("connection_balance", { balance: dollars(balance) });
    } catch (error) {
      note.replaceChildren(problem(sentenceOf(error)));
    } finally {
      test.disabled = false;
    }
  });
  return [() => {}, test];
});

/**
 * A setting of ComfyUI's panel. Its words come from the pack's `locales/`.
 * @param {string} id
 * @param {string} group
 * @param {string} name shown in languages that `locales/` has no words for
 * @param {() => HTMLElement} type
 */
const setting = (id, group, name, type) => ({
  id: `AIgateway.${id}`,
  category: ["AIgateway", group, id],
  name,
  tooltip: name,
  type,
  defaultValue: null,
});

const ACCOUNT = "AIgateway account";
const SPENDING = "AIgateway spending";
const TRACKS = "AIgateway tracks";

const panel = [
  setting("api_key", ACCOUNT, "API key", keyField),
  setting("connection", ACCOUNT, "Connection", connectionField),
  setting("mode", ACCOUNT, "Mode", choiceField("mode", ["auto", "live", "sandbox"])),
  setting("spend_limit_per_run", SPENDING, "Limit per run", amountField("spend_limit_per_run")),
  setting("spend_limit_per_day", SPENDING, "Limit per day", amountField("spend_limit_per_day")),
  setting("minimum_balance", SPENDING, "Minimum balance", amountField("minimum_balance")),
  setting("uncertain_limit", SPENDING, "Repeat up to", amountField("uncertain_limit")),
  setting("allow_unknown_price", SPENDING, "Unknown prices", switchField("allow_unknown_price")),
  setting("order_ahead", SPENDING, "Order ahead", switchField("order_ahead")),
  setting("on_interrupt", TRACKS, "Interrupt", choiceField("on_interrupt", ["keep", "cancel"])),
  setting("store_limit_gb", TRACKS, "Tracks kept", amountField("store_limit_gb")),
];

/** ComfyUI shows settings with a larger `sortOrder` first. */
export const settings = panel.map((each, index) => ({ ...each, sortOrder: panel.length - index }));
