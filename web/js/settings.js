import { connectionField, keyField } from "./settings_account.js";
import { amountField, choiceField, switchField } from "./settings_fields.js";

/**
 * A setting of ComfyUI's panel. Its words come from the pack's `locales/`.
 *
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
  setting("on_interrupt", TRACKS, "Interrupt", choiceField("on_interrupt", ["keep", "cancel"])),
  setting("store_limit_gb", TRACKS, "Tracks kept", amountField("store_limit_gb")),
];

/** ComfyUI shows settings with a larger `sortOrder` first. */
export const settings = panel.map((each, index) => ({ ...each, sortOrder: panel.length - index }));
