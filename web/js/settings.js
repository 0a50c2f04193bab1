import { element } from "./dom.js";
import { refreshPrices } from "./price.js";
import { dollars } from "./format.js";
import { ask } from "./server.js";
import { say } from "./words.js";

/**
 * The settings as the server has them. The key itself is never among them.
 *
 * @typedef {object} Settings
 * @property {boolean} sandbox
 * @property {{source: string, hint: string} | null} key
 * @property {Record<string, string | number | boolean>} values
 * @property {string[]} environment names of those that an environment variable decides
 * @property {string} file
 */

/** @typedef {(settings: Settings) => void} Show */

/** @type {Map<HTMLElement, Show>} */
const shown = new Map();
/** @type {Promise<void> | null} */
let loading = null;

/** Show the server's values in all fields that are on the screen. */
function load() {
  loading ??= ask("settings")
    .then(showAll, (error) => {
      for (const field of shown.keys()) field.replaceChildren(problem(error.message));
    })
    .finally(() => {
      loading = null;
    });
}

/** @param {Settings} settings */
function showAll(settings) {
  for (const [field, show] of shown) show(settings);
}

const problem = (text) => element("span", { class: "aigateway-refused" }, text);

/**
 * A field of the panel. ComfyUI stores nothing of it: the value lives on the server.
 *
 * @param {(note: HTMLElement) => [Show, ...HTMLElement[]]} make
 */
function field(make) {
  return () => {
    const note = element("div", { class: "aigateway-note", role: "status" });
    const [show, ...controls] = make(note);
    const box = element("div", { class: "aigateway-setting" });
    box.append(element("div", { class: "aigateway-controls" }, ...controls), note);
    // Fields of a panel that was closed are forgotten.
    for (const old of shown.keys()) if (old.dataset.shown && !old.isConnected) shown.delete(old);
    shown.set(box, (settings) => {
      box.dataset.shown = "true";
      show(settings);
    });
    load();
    return box;
  };
}

/**
 * @param {string} name
 * @param {unknown} value null for the default
 * @param {HTMLElement} note
 */
async function save(name, value, note) {
  note.replaceChildren();
  try {
    showAll(await ask("settings", { method: "PUT", body: { name, value } }));
    note.textContent = say("saved");
    refreshPrices();
  } catch (error) {
    note.replaceChildren(problem(error.message));
    load();
  }
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function setFixed(control, name, settings, note) {
  control.disabled = settings.environment.includes(name);
  if (control.disabled)
    note.textContent = say("from_environment", { name: `AIGATEWAY_${name.toUpperCase()}` });
}

const keyField = field((note) => {
  const input = element("input", {
    type: "password",
    // Browsers offer to fill in and to save passwords; this is none of theirs.
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
  /** @type {Show} */
  const show = (settings) => {
    const { key, environment } = settings;
    const fixed = environment.includes("api_key");
    for (const control of [input, keep, remove]) control.disabled = fixed;
    remove.hidden = !key || fixed;
    const none = say(settings.sandbox ? "key_none_sandbox" : "key_none");
    state.textContent = key ? say("key_from", { hint: key.hint, source: key.source }) : none;
  };
  const line = element("div", { class: "aigateway-controls" }, input, keep, remove);
  return [show, element("div", {}, line, state)];
});

const connectionField = field((note) => {
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
      note.replaceChildren(problem(error.message));
    } finally {
      test.disabled = false;
    }
  });
  return [() => {}, test];
});

/**
 * @param {string} name
 * @param {string[]} words
 */
const choiceField = (name, words) =>
  field((note) => {
    const options = words.map((value) => element("option", { value }, say(`${name}_${value}`)));
    const select = element("select", { class: "aigateway-input", "aria-label": say(name) });
    select.append(...options);
    select.addEventListener("change", () => void save(name, select.value, note));
    /** @type {Show} */
    const show = (settings) => {
      select.value = String(settings.values[name]);
      setFixed(select, name, settings, note);
    };
    return [show, select];
  });

/** @param {string} name */
const amountField = (name) =>
  field((note) => {
    const input = element("input", { type: "number", min: "0", step: "any" });
    input.classList.add("aigateway-input", "aigateway-amount");
    input.addEventListener("change", () => {
      // An empty field means the default.
      void save(name, input.value === "" ? null : Number(input.value), note);
    });
    /** @type {Show} */
    const show = (settings) => {
      input.value = String(settings.values[name]);
      setFixed(input, name, settings, note);
    };
    return [show, input];
  });

/** @param {string} name */
const switchField = (name) =>
  field((note) => {
    const input = element("input", { type: "checkbox" });
    input.addEventListener("change", () => void save(name, input.checked, note));
    /** @type {Show} */
    const show = (settings) => {
      input.checked = Boolean(settings.values[name]);
      setFixed(input, name, settings, note);
    };
    return [show, input];
  });

/**
 * The words themselves come from the pack's `locales/`, by the id.
 *
 * @param {string} id
 * @param {string} group
 * @param {string} name
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
  setting("uncertain_limit", SPENDING, "Repeat up to", amountField("uncertain_limit")),
  setting("allow_unknown_price", SPENDING, "Unknown prices", switchField("allow_unknown_price")),
  setting("on_interrupt", TRACKS, "Interrupt", choiceField("on_interrupt", ["keep", "cancel"])),
  setting("store_limit_gb", TRACKS, "Tracks kept", amountField("store_limit_gb")),
];

/** In the panel, what has the larger number comes first. */
export const settings = panel.map((each, index) => ({ ...each, sortOrder: panel.length - index }));
