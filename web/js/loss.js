import { element, sentenceOf } from "./dom.js";
import { notify } from "./notify.js";
import { ask } from "./server.js";
import { say } from "./words.js";

/** What the ledger lost, above the tracks. Nothing is bought until the person has accepted it. */
export class Loss {
  /** @param {() => unknown} accepted called when spending goes on */
  constructor(accepted) {
    this.accepted = accepted;
    this.sentence = element("p");
    this.button = element(
      "button",
      { class: "aigateway-button", type: "button", onclick: () => this.accept() },
      say("go_on"),
    );
    this.element = element(
      "div",
      { class: "aigateway-loss", role: "alert", hidden: true },
      this.sentence,
      element("p", {}, say("loss_stops")),
      this.button,
    );
  }

  /** @param {string | null | undefined} loss the server's sentence; none where nothing was lost */
  show(loss) {
    this.element.hidden = !loss;
    this.sentence.textContent = loss ?? "";
  }

  async accept() {
    this.button.disabled = true;
    try {
      this.show((await ask("accept-loss", { method: "POST" })).loss);
      notify("info", say("loss_accepted"));
      await this.accepted();
    } catch (error) {
      notify("error", sentenceOf(error));
    } finally {
      this.button.disabled = false;
    }
  }
}
