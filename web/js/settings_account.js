import { DASHBOARD_URL } from "./dashboard.js";
import { element, sentenceOf } from "./dom.js";
import { dollars } from "./format.js";
import { ask } from "./server.js";
import { field, problem, save } from "./settings_fields.js";
import { say } from "./words.js";

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
  /** @type {import("./settings_fields.js").Show} */
  const show = (settings) => {
    const { key, environment } = settings;
    const fixed = environment.includes("api_key");
    for (const control of [input, keep, remove]) control.disabled = fixed;
    remove.hidden = !key?.removable;
    const none = say(settings.sandbox ? "key_none_sandbox" : "key_none");
    state.textContent = key ? say("key_from", { hint: key.hint, source: key.source }) : none;
    if (!key) state.append(" ", away);
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
