import { element } from "./dom.js";
import { say } from "./words.js";

/** As `Show` and `Sort` on the server. */
const SHOWS = ["all", "completed", "open", "over", "uncertain", "starred", "hidden"];
const SORTS = ["newest", "longest", "dearest", "prompt", "starred"];
const SORT = "AIgateway.sort";
const TYPING_MILLISECONDS = 200;

/** What a person wants to see of the list: a search, a filter and an order. */
export class Choices {
  /** @param {() => unknown} changed */
  constructor(changed) {
    this.typing = 0;
    // A filter that is chosen while a search is typed takes the search with it.
    const chosen = () => {
      clearTimeout(this.typing);
      changed();
    };
    this.search = this.searchField(chosen);
    this.shows = SHOWS.map((value) => element("option", { value }, say(`show_${value}`)));
    this.show = choice("show", this.shows, chosen);
    const sorts = SORTS.map((value) => element("option", { value }, say(`sort_${value}`)));
    this.sort = choice("sort", sorts, () => {
      localStorage.setItem(SORT, this.sort.value);
      chosen();
    });
    const kept = localStorage.getItem(SORT) ?? "";
    if (SORTS.includes(kept)) this.sort.value = kept;
    this.element = element(
      "div",
      { class: "aigateway-choices", role: "search" },
      this.search,
      this.show,
      this.sort,
    );
  }

  /** @param {() => unknown} chosen */
  searchField(chosen) {
    const input = element("input", {
      type: "search",
      class: "aigateway-input aigateway-search",
      placeholder: say("search"),
      "aria-label": say("search"),
    });
    input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(chosen, TYPING_MILLISECONDS);
    });
    return input;
  }

  /** As the server reads them. */
  get query() {
    return { search: this.search.value, show: this.show.value, sort: this.sort.value };
  }

  /** Why the list is empty. */
  get emptiness() {
    const { search, show } = this.query;
    if (search) return say("nothing_found");
    return say(show === "all" ? "no_tracks" : "none_of_kind");
  }

  /**
   * Say how many tracks each filter shows.
   *
   * @param {Record<string, number>} counts by the filters' names
   */
  count(counts) {
    for (const option of this.shows) {
      const text = `${say(`show_${option.value}`)} · ${counts[option.value]}`;
      // A browser closes an open list when it changes.
      if (option.textContent !== text) option.textContent = text;
    }
  }
}

/**
 * @param {string} word what is chosen
 * @param {HTMLOptionElement[]} options
 * @param {() => unknown} onchange
 */
function choice(word, options, onchange) {
  const properties = { class: "aigateway-input", title: say(word), "aria-label": say(word) };
  return element("select", { ...properties, onchange }, ...options);
}
