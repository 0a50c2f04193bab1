import { app, fieldInApp, isApp, rootGraph } from "./comfy.js";
import { element, found } from "./dom.js";
import { hostedNodeOf } from "./subgraphs.js";
import { buyAgain } from "./track_actions.js";
import { say } from "./words.js";

/** @param {string | null | undefined} id of a node's execution */
function shownNode(id) {
  const hosted = id ? hostedNodeOf(rootGraph(), id) : null;
  return hosted?.hosts[0] ?? hosted?.node;
}

/** @type {Record<Step, (facts: StepFacts) => unknown>} */
const ACTS = {
  set_key: () => openSettings("api_key"),
  get_key: () => openSettings("api_key"),
  top_up: () => {},
  open_dashboard: () => {},
  change_mode: () => openSettings("mode"),
  raise_limit: ({ setting }) => openSettings(setting || "spend_limit_per_run"),
  pick_up: () => app.queuePrompt(0, 1),
  buy_again: async ({ track }) => track && (await buyAgain(track)),
  try_again: () => app.queuePrompt(0, 1),
  open_settings: () => openSettings("api_key"),
  show_node: async ({ node }) => {
    const shown = shownNode(node);
    if (!shown) return;
    if (isApp()) await app.extensionManager.command.execute("Comfy.ToggleLinear");
    app.canvas.selectNodes?.([shown]);
    app.canvas.centerOnNode?.(shown);
  },
  show_field: ({ node }) => {
    const shown = shownNode(node);
    const field = shown && fieldInApp(shown);
    field?.scrollIntoView({ block: "center" });
    field?.focus();
  },
};
/** Steps that lead to the dashboard. */
const LINKS = /** @type {Step[]} */ (["get_key", "top_up", "open_dashboard"]);

/**
 * A button, or a link, that takes a step.
 * @param {Step} step
 * @param {StepFacts} [facts]
 * @param {string} [style] the class of the element
 */
export function stepButton(step, facts = {}, style = "aigateway-link") {
  const label = say(`step_${step}`);
  const onclick = async () => {
    await ACTS[step](facts);
    await facts.after?.();
  };
  if (!LINKS.includes(step))
    return element("button", { type: "button", class: style, onclick }, label);
  const away = { href: DASHBOARD_URL, target: "_blank", rel: "noopener noreferrer" };
  return element("a", { class: style, ...away, onclick }, label);
}

/** @type {Record<string, Step>} by the type of the error */
const OF_ERRORS = {
  MissingKeyError: "get_key",
  AuthenticationError: "set_key",
  ScopeError: "set_key",
  CreditsError: "top_up",
  BudgetError: "top_up",
  SpendLimitError: "raise_limit",
  UncertainSubmitError: "buy_again",
  WaitTimeoutError: "pick_up",
  MissingFileError: "pick_up",
  DownloadError: "pick_up",
  SettingsError: "open_settings",
  InputError: "show_node",
};

/**
 * The next step after an error.
 * @param {{type: string, job_id: string | null, node?: string | null}} error
 * @returns {Step}
 */
export function stepAfter({ type, job_id, node }) {
  const step = OF_ERRORS[type] ?? "try_again";
  // Without a job there is nothing to pick up.
  if (step === "pick_up" && !job_id) return "try_again";
  const shown = step === "show_node" && isApp() ? shownNode(node) : null;
  return shown && fieldInApp(shown) ? "show_field" : step;
}

const GROUP = "AIgateway";
const SETTLING_FRAMES = 40;

/**
 * Open the settings at one of ours, with the cursor in it.
 * @param {string} name of the setting, without its group
 */
export async function openSettings(name) {
  await app.extensionManager.command.execute("Comfy.ShowSettingsDialog");
  const group = await found(() => groupEntry());
  group?.click();
  const id = `${GROUP}.${name}`;
  // Older versions of ComfyUI mark only the content of the row.
  const row = await found(
    () =>
      /** @type {HTMLInputElement | null} */ (
        document.querySelector(`:is([data-setting-id="${id}"], [id="${id}"]) :is(input, select)`)
      ),
  );
  row?.scrollIntoView({ block: "center" });
  // The dialog moves the focus itself while it opens.
  for (let frame = 0; row && frame < SETTLING_FRAMES; frame++) {
    if (document.activeElement !== row) row.focus();
    await new Promise(requestAnimationFrame);
  }
}

/** The dialog's entry for our settings: ComfyUI gives no other way to it. */
function groupEntry() {
  for (const dialog of document.querySelectorAll('[role="dialog"]'))
    for (const entry of dialog.querySelectorAll("li, button, [role=option], span, div"))
      if (entry.childElementCount === 0 && entry.textContent?.trim() === GROUP)
        return /** @type {HTMLElement} */ (entry);
  return null;
}

/** Where keys are made and credit is bought: the server names the same address. */
export const DASHBOARD_URL = "https://aigateway.sh/signin";
