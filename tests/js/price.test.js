import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { priceRequest } from "../../web/js/price_request.js";
import { balanceText, costText, estimateText, hintText, runText } from "../../web/js/price_text.js";
import { graphOf, nodeOf } from "./graphs.js";
import { speak } from "./language.js";
import { trackOf } from "./tracks.js";

/** @typedef {import("./graphs.js").NodeOptions} NodeOptions */

const MUSIC = "AIGatewayPromptToMusic";
const VALUES = {
  prompt: "calm",
  duration: 30,
  lyrics: "",
  format: "mp3",
  model: "m",
  take: 1,
  words: "as given",
};

beforeEach(() => speak("en"));

/**
 * @param {Parameters<typeof graphOf>[0]} others
 * @param {object} [options]
 * @param {NodeOptions["links"]} [options.links] of the music node
 * @param {string} [options.control] what happens to `take` after each run
 * @param {number} [options.batch]
 */
function requestFor(others, { links, control, batch = 1 } = {}) {
  const root = graphOf([...others, [MUSIC, { values: VALUES, links }]]);
  const node = nodeOf(root, MUSIC);
  const take = node.widgets?.find((widget) => widget.name === "take");
  if (take && control) take.linkedWidgets = [{ name: "control_after_generate", value: control }];
  return priceRequest({ node, hosts: [] }, root, batch);
}

describe("what the price line asks for", () => {
  test("is the whole request, once", () => {
    const { duration, ...request } = VALUES;
    assert.deepEqual(requestFor([]), {
      request,
      duration,
      isDurationKnown: true,
      isKept: false,
      count: 1,
      takes: 1,
      isCountWhole: true,
      isNewEachRun: false,
      runs: 1,
    });
  });

  test("is nothing but a duration where the model is not known", () => {
    assert.deepEqual(requestFor([["Random"]], { links: { model: [1] } }).request, {});
  });

  test("says whether each run makes another take", () => {
    assert.equal(requestFor([], { control: "randomize" }).isNewEachRun, true);
    assert.equal(requestFor([], { control: "fixed" }).isNewEachRun, false);
    assert.equal(requestFor([]).isNewEachRun, false);
  });

  test("counts the runs only where each makes another take", () => {
    assert.equal(requestFor([], { control: "increment", batch: 3 }).runs, 3);
    assert.equal(requestFor([], { control: "fixed", batch: 3 }).runs, 1);
    assert.equal(requestFor([], { batch: 3 }).runs, 1);
    const linked = { links: { take: /** @type {[number]} */ ([1]) }, control: "increment" };
    const primitive = /** @type {[string, NodeOptions]} */ ([
      "PrimitiveInt",
      { values: { value: 5 } },
    ]);
    assert.equal(requestFor([primitive], { ...linked, batch: 3 }).runs, 1);
  });
});

describe("text that the frontend varies for each run", () => {
  const VARIED = /** @type {const} */ (["prompt", "lyrics"]);

  for (const name of VARIED)
    test(`in ${name} makes each run another request`, () => {
      const root = graphOf([[MUSIC, { values: { ...VALUES, [name]: "calm {a|b} piano" } }]]);
      const asked = priceRequest({ node: nodeOf(root, MUSIC), hosts: [] }, root, 3);
      assert.deepEqual([asked.request, asked.count, asked.runs], [{ model: "m" }, 1, 3]);
      assert.equal(asked.isNewEachRun, true);
    });

  test("is not known where it has braces or comments, though it is the same each time", () => {
    for (const prompt of ["calm {piano}", "calm // piano", "calm /* no */ piano"]) {
      const root = graphOf([[MUSIC, { values: { ...VALUES, prompt } }]]);
      const asked = priceRequest({ node: nodeOf(root, MUSIC), hosts: [] }, root, 3);
      assert.deepEqual([asked.request, asked.runs], [{ model: "m" }, 1]);
    }
  });

  test("is what it is where it comes from another node", () => {
    const primitive = /** @type {[string, NodeOptions]} */ ([
      "PrimitiveString",
      { values: { value: "{a|b}" } },
    ]);
    const asked = requestFor([primitive], { links: { prompt: [1] }, batch: 3 });
    assert.deepEqual([asked.request.prompt, asked.runs], ["{a|b}", 1]);
  });
});

describe("the balance", () => {
  test("is shown where the gateway tells it", () => {
    assert.equal(balanceText({ balance: 4.2 }), "Balance $4.20");
    assert.equal(balanceText({ balance: 0 }), "Balance $0.00");
    assert.equal(balanceText({ balance: null }), "");
  });

  test("is said in Chinese", () => {
    speak("zh");
    assert.equal(balanceText({ balance: 4.2 }), "余额 $4.20");
  });
});

describe("the hints", () => {
  /** @type {Hint[]} */
  const HINTS = [
    { kind: "short", values: { lines: 14, low: 55, high: 85, seconds: 30 } },
    { kind: "price", values: { model: "a/b", listed: "0.00001", last: "0.8" } },
    { kind: "tag", values: { tag: "vrese" } },
    { kind: "style", values: { tokens: 300, limit: 256 } },
    { kind: "same", values: { takes: "1, 2" } },
  ];
  /** @param {Hint[]} hints */
  const shown = (hints) => hintText(/** @type {any} */ ({ hints }));

  test("are one a line", () => {
    const lines = shown(HINTS).split("\n");
    assert.equal(lines.length, HINTS.length);
    assert.equal(
      lines[0],
      "The lyrics need about 55 to 85 s (lines to sing: 14); the length is 30 s",
    );
    assert.equal(
      lines[1],
      "The model list has $0.00001 a second for a/b; its last track cost $0.8 a second",
    );
    for (const line of lines) assert.doesNotMatch(line, /hint_|\{/);
  });

  test("are said in Chinese", () => {
    speak("zh");
    for (const line of shown(HINTS).split("\n")) assert.match(line, /^[^{}_]*\p{Script=Han}/u);
  });

  test("are none where there are none", () => assert.equal(shown([]), ""));
});

describe("the estimate", () => {
  const ASKED = {
    request: {},
    duration: 30,
    isDurationKnown: true,
    isKept: false,
    count: 1,
    takes: 1,
    isCountWhole: true,
    isNewEachRun: false,
    runs: 1,
  };
  const PRICE = {
    free: false,
    forced: "",
    bought: false,
    each: 0.006,
    at_most: false,
    total: 0.006,
    tracks: 1,
    hints: [],
    uncertain: [],
    refused: null,
  };

  /**
   * @param {Partial<Price>} price
   * @param {Partial<typeof ASKED>} [asked]
   */
  const shown = (price, asked) => estimateText({ ...PRICE, ...price }, { ...ASKED, ...asked });

  test("of one track is its price", () => {
    assert.deepEqual(shown({}), { text: "$0.006", isWarning: false });
  });

  test("of several tracks is each price and their sum", () => {
    const { text } = shown({ total: 0.036, tracks: 3 }, { runs: 2 });
    assert.equal(text, "6 × $0.006 = $0.036");
  });

  test("of tracks with different prices is their sum", () => {
    assert.equal(shown({ each: 0.012, total: 0.02, tracks: 3 }).text, "3 tracks: $0.02");
  });

  test("of a list that may be longer is at least that of what is known", () => {
    assert.equal(shown({}, { isCountWhole: false }).text, "at least $0.006");
    const { text } = shown({ total: 0.012, tracks: 2 }, { isCountWhole: false });
    assert.equal(text, "at least 2 × $0.006 = $0.012");
    const bought = shown({ bought: true, total: 0, tracks: 2 }, { isCountWhole: false });
    assert.equal(bought.text, "at least 2 tracks: $0.00");
  });

  test("says where the tracks may cost less", () => {
    assert.equal(shown({ at_most: true }).text, "at most $0.006");
    const several = shown({ at_most: true, total: 0.012, tracks: 2 });
    assert.equal(several.text, "at most 2 × $0.006 = $0.012");
    assert.equal(shown({ at_most: true }, { isCountWhole: false }).text, "about $0.006");
  });

  test("without a duration is the price of a second", () => {
    const { text } = shown({ each: 0.002 }, { duration: 10, isDurationKnown: false });
    assert.equal(text, "$0.0002 per second");
  });

  test("does not confuse free, bought and unknown", () => {
    assert.match(shown({ free: true, each: 0 }).text, /^Free sketch from the sandbox/);
    assert.match(shown({ bought: true, total: 0 }).text, /^Already bought/);
    assert.equal(shown({ each: null, total: null }).text, "Price unknown");
    assert.equal(shown({ each: 0, total: 0 }).text, "$0.00");
  });

  for (const [refused, text, step] of /** @type {const} */ ([
    [{ reason: "no_key" }, "$0.006 · no API key is set", { step: "set_key" }],
    [
      { reason: "per_run", limit: 0.005 },
      "$0.006 · over your limit of $0.005 per run",
      { step: "raise_limit", setting: "spend_limit_per_run" },
    ],
    [
      { reason: "per_day", limit: 10, spent: 9.999 },
      "$0.006 · over your limit of $10.00 per 24 hours ($10.00 spent)",
      { step: "raise_limit", setting: "spend_limit_per_day" },
    ],
    [
      { reason: "minimum_balance", limit: 2, balance: 1.5 },
      "$0.006 · the account has $1.50, and must keep at least $2.00",
      { step: "raise_limit", setting: "minimum_balance" },
    ],
  ]))
    test(`warns of a refusal, with the next step: ${refused.reason}`, () => {
      assert.deepEqual(shown({ refused }), { text, isWarning: true, ...step });
    });

  test("names a purchase that is not certain, whatever else there is to say", () => {
    const price = { uncertain: ["l7"], each: 4, refused: { reason: "per_run", limit: 1 } };
    assert.deepEqual(shown(price), {
      text: "Perhaps bought for $4.00",
      isWarning: true,
      step: "buy_again",
      uncertain: "l7",
    });
  });

  for (const auto of /** @type {const} */ (["instant", "change"]))
    test(`warns where each run of Run (${auto}) buys other tracks`, () => {
      const each = { ...ASKED, isNewEachRun: true };
      const { text, isWarning } = estimateText(PRICE, each, auto);
      assert.match(text, /^\$0\.006 · Run \(.+\): each run buys other tracks$/);
      assert.equal(isWarning, true);
      const bought = { ...PRICE, bought: true, total: 0 };
      assert.match(estimateText(bought, each, auto).text, /^Already bought.+ · Run \(/);
      assert.deepEqual(estimateText(PRICE, ASKED, auto), shown({}));
      assert.deepEqual(estimateText(PRICE, each), shown({}));
      const free = { ...PRICE, free: true, each: 0, total: 0 };
      assert.equal(estimateText(free, each, auto).isWarning, false);
    });

  for (const [forced, text] of [
    ["AIGATEWAY_MODE", "Free sketch: AIGATEWAY_MODE is “sandbox”"],
    ["mode", "Free sketch: Mode is “sandbox”"],
  ])
    test(`of a sketch that ${forced} forces leads to the mode`, () => {
      const after = costText([trackOf({ free: true, charge: 0 })], forced);
      for (const found of [shown({ free: true, each: 0, forced }), after])
        assert.deepEqual(found, { text, isWarning: false, step: "change_mode" });
    });

  test("of kept music is nothing, once the track is there", () => {
    const bought = { bought: true, total: 0 };
    assert.equal(shown(bought, { isKept: true }).text, "kept, $0.00");
    assert.equal(shown(bought).text, "Already bought: running it again costs nothing");
    // Another machine has no such track: it is ordered.
    assert.equal(shown({}, { isKept: true }).text, "$0.006");
  });

  test("of a free sketch leads to the key", () => {
    assert.equal(shown({ free: true, each: 0 }).step, "set_key");
  });

  describe("of the whole run", () => {
    const TWO = [ASKED, { ...ASKED, duration: 60 }];

    test("is the total of its nodes", () => {
      const text = runText({ ...PRICE, total: 8 }, TWO)?.text;
      assert.equal(text, "this run: $8.00");
    });

    test("is left out where one line says it all, or nothing is bought", () => {
      assert.equal(runText(PRICE, [ASKED]), null);
      assert.equal(runText({ ...PRICE, free: true, total: 0 }, TWO), null);
      assert.equal(runText({ ...PRICE, bought: true, total: 0 }, TWO), null);
    });

    test("is at least what is known, and at most where the tracks may cost less", () => {
      for (const unknown of [{ isDurationKnown: false }, { isCountWhole: false }])
        assert.equal(
          runText({ ...PRICE, total: 8, at_most: true }, [ASKED, { ...ASKED, ...unknown }])?.text,
          "this run: at least $8.00",
        );
      const most = runText({ ...PRICE, total: 8, at_most: true }, TWO);
      assert.equal(most?.text, "this run: at most $8.00");
    });

    test("warns of the limit that refuses it", () => {
      const refused = { reason: "per_run", limit: 5 };
      assert.deepEqual(runText({ ...PRICE, total: 8, refused }, TWO), {
        text: "this run: $8.00 · over your limit of $5.00 per run",
        isWarning: true,
        step: "raise_limit",
        setting: "spend_limit_per_run",
      });
    });
  });

  test("warns that an unknown price is refused", () => {
    const refused = { reason: "unknown_price" };
    assert.deepEqual(shown({ each: null, total: null, refused }), {
      text: "Price unknown · your settings do not allow it",
      isWarning: true,
      step: "raise_limit",
      setting: "allow_unknown_price",
    });
  });

  test("does not compare a limit with a duration that is not known", () => {
    const asked = { isDurationKnown: false, duration: 10 };
    assert.equal(shown({ refused: { reason: "per_run", limit: 0.001 } }, asked).isWarning, false);
    assert.equal(shown({ refused: { reason: "no_key" } }, asked).isWarning, true);
  });

  test("is said in Chinese", () => {
    speak("zh");
    assert.equal(
      shown({ refused: { reason: "per_run", limit: 1 } }).text,
      "$0.006 · 超出每次运行 $1.00 的上限",
    );
  });
});

describe("the cost after a run", () => {
  test("is paid once all tracks have ended", () => {
    const tracks = [trackOf({ state: "completed" }), trackOf({ state: "completed" })];
    assert.deepEqual(costText(tracks), { text: "Paid $0.012", isWarning: false });
  });

  test("is summed over runs that were queued together, with the way to make them at once", () => {
    const made = Array.from({ length: 20 }, () => trackOf({}));
    assert.match(
      costText(made, "", 20).text,
      /^Paid \$0\.12 for 20 runs · .*Takes.* side by side$/,
    );
    assert.equal(costText(made, "", 1).text, "Paid $0.12");
  });

  for (const state of ["submitting", "queued", "running"])
    test(`is ordered while a track is ${state}`, () => {
      const tracks = [trackOf({ state: "completed" }), trackOf({ state })];
      assert.equal(costText(tracks).text, "Ordered for $0.012");
    });

  test("counts what the gateway took, dead or not", () => {
    const dead = trackOf({ state: "a state of a later version", is_dead: true, charge: 0 });
    assert.equal(costText([trackOf({}), dead]).text, "Paid $0.006");
    assert.equal(costText([dead]).text, "Paid $0.00");
    assert.equal(costText([trackOf({}), { ...dead, charge: 0.5 }]).text, "Paid $0.51");
  });

  test("warns of a track that may have been charged", () => {
    const unsure = trackOf({ state: "uncertain", local_id: "l7" });
    const { text, ...rest } = costText([trackOf({}), unsure]);
    assert.match(text, /\$0\.012/);
    assert.deepEqual(rest, { isWarning: true, step: "buy_again", uncertain: "l7" });
  });

  test("is nothing only if all of it is free", () => {
    const free = trackOf({ free: true, charge: 0 });
    assert.equal(costText([free]).text, "Free sketch from the sandbox");
    assert.equal(costText([free, trackOf({})]).text, "Paid $0.006");
  });
});
