import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  actionsOf,
  aheadText,
  buyAgainQuestion,
  errorTitle,
  factsOf,
  identityOf,
  isUnderWay,
  newsText,
  pathsOf,
  playablesOf,
  priceOf,
  titleOf,
} from "../../web/js/track_facts.js";
import { speak } from "./language.js";
import { trackOf } from "./tracks.js";

beforeEach(() => speak("en"));

describe("the facts of a track", () => {
  test("are duration, take, price and age", () => {
    assert.equal(factsOf(trackOf({}), 1125), "0:30 · take 1 · $0.006 · 2 min ago");
  });

  test("leave out what is not known", () => {
    const track = trackOf({ duration: 0, prompt: "", charge: null });
    assert.equal(factsOf(track, 1000), "Price unknown · just now");
  });

  test("say that it is free because the server says so", () => {
    assert.match(factsOf(trackOf({ free: true, charge: 0.5 }), 1000), /· free ·/);
    assert.match(factsOf(trackOf({ free: false, charge: 0 }), 1000), /· \$0\.00 ·/);
  });

  test("are said in Chinese", () => {
    speak("zh");
    assert.equal(factsOf(trackOf({}), 1125), "0:30 · 版本 1 · $0.006 · 2 分钟前");
  });
});

describe("what can be done with a track", () => {
  const HAS_JOB = { job_id: "job_1", stored: false };

  for (const [what, track, actions] of /** @type {const} */ ([
    ["a stored one", { stored: true }, ["play", "compare", "copy_id", "reuse", "pick_up"]],
    ["a queued one", { ...HAS_JOB, state: "queued" }, ["copy_id", "reuse", "pick_up", "cancel"]],
    ["a running one", { ...HAS_JOB, state: "running" }, ["copy_id", "reuse", "pick_up", "cancel"]],
    ["a dead one", { ...HAS_JOB, state: "later", is_dead: true }, ["copy_id", "reuse"]],
    [
      "an uncertain one",
      { job_id: null, stored: false, state: "uncertain" },
      ["reuse", "buy_again"],
    ],
    ["one being sent", { job_id: null, stored: false, state: "submitting" }, ["reuse"]],
    ["one picked up by its id", { ...HAS_JOB, prompt: "" }, ["copy_id", "pick_up"]],
  ]))
    test(what, () => {
      // Whatever it is, it can be hidden.
      assert.deepEqual(actionsOf(trackOf(track)), [...actions, "hide"]);
    });
});

describe("the question before a track is bought again", () => {
  const UNCERTAIN = { job_id: null, stored: false, state: "uncertain" };

  test("says that it may be bought", () => {
    assert.match(buyAgainQuestion(trackOf(UNCERTAIN)), /may already be bought.*costs \$0\.006/);
  });

  test("says how often a submit that was repeated may have been charged", () => {
    const repeated = buyAgainQuestion(trackOf({ ...UNCERTAIN, repeats: 1 }));
    assert.match(repeated, /once, or twice where the gateway ignores the key.*\$0\.006/);
    assert.doesNotMatch(buyAgainQuestion(trackOf(UNCERTAIN)), /repeat/);
  });

  test("says that it is bought where the gateway lists it, and what support asks for", () => {
    const listed = trackOf({ ...UNCERTAIN, listed: true, request_id: "req_1" });
    assert.match(buyAgainQuestion(listed), /lists this track as bought.*req_1.*\$0\.006 once more/);
    assert.match(buyAgainQuestion({ ...listed, request_id: null }), /request \?/);
  });
});

describe("what was ordered ahead", () => {
  const AHEAD = { runs: 0, tracks: 0, price: 0, kept: 0, kept_price: 0 };

  test("is summed over the queued runs", () => {
    const text = aheadText({ ...AHEAD, runs: 3, tracks: 3, price: 0.018 });
    assert.equal(text, "Ordered ahead for 3 queued runs: $0.018");
  });

  test("is kept, and said, where a run was removed", () => {
    const text = aheadText({
      ...AHEAD,
      runs: 1,
      tracks: 1,
      price: 0.006,
      kept: 2,
      kept_price: 0.012,
    });
    assert.match(
      text,
      /1 queued runs: \$0\.006\n.*removed or stopped, and kept: 2 tracks, \$0\.012/,
    );
  });

  test("is nothing where all has come to its run", () => assert.equal(aheadText(AHEAD), ""));
});

test("only a track that is dead, completed or uncertain has ended", () => {
  for (const state of ["submitting", "queued", "running"])
    assert.equal(isUnderWay(trackOf({ state })), true);
  for (const state of ["completed", "uncertain"])
    assert.equal(isUnderWay(trackOf({ state })), false);
  assert.equal(isUnderWay(trackOf({ state: "failed", is_dead: true })), false);
});

test("a track without a prompt is called by its id", () => {
  assert.equal(titleOf(trackOf({})), "calm piano");
  assert.equal(titleOf(trackOf({ prompt: "" })), "job_1");
  assert.equal(titleOf(trackOf({ prompt: "", job_id: null })), "");
});

test("a row is drawn again when anything on it changes, its age included", () => {
  const look = { isPlaying: false, letter: "" };
  const before = identityOf(trackOf({}), 1000, look);
  assert.equal(identityOf(trackOf({}), 1059, { ...look }), before);
  assert.notEqual(identityOf(trackOf({}), 1060, look), before);
  assert.notEqual(identityOf(trackOf({ error: "No credit." }), 1000, look), before);
  assert.notEqual(identityOf(trackOf({ starred: true }), 1000, look), before);
  assert.notEqual(identityOf(trackOf({}), 1000, { ...look, letter: "A" }), before);
  assert.notEqual(identityOf(trackOf({}), 1000, { ...look, isPlaying: true }), before);
});

describe("what a player plays", () => {
  test("a track of the ledger", () => {
    assert.deepEqual(pathsOf({ local_id: "a/b" }), {
      audio: "/aigateway/tracks/a%2Fb/audio",
      picture: "/aigateway/tracks/a%2Fb/waveform",
    });
  });

  test("a file of ComfyUI's", () => {
    const query = "filename=a+%26+b.flac&subfolder=x&type=output";
    assert.deepEqual(pathsOf({ filename: "a & b.flac", subfolder: "x" }), {
      audio: `/view?${query}`,
      picture: `/aigateway/waveform?${query}`,
    });
  });

  test("only what nodes of ours made", () => {
    const output = { audio: [{ filename: "a.flac" }] };
    assert.deepEqual(playablesOf({ comfyClass: "AIGatewaySaveAudio" }, output), output.audio);
    assert.deepEqual(playablesOf({ comfyClass: "SaveAudio" }, output), []);
    const looped = { ...output, aigateway_seams: ["[[8, 3]]"] };
    assert.deepEqual(playablesOf({ comfyClass: "AIGatewaySaveAudio" }, looped), [
      { ...output.audio[0], seams: [[8, 3]] },
    ]);
    const loaded = { aigateway_audio: ['{"local_id": "l1"}'] };
    assert.deepEqual(playablesOf({ comfyClass: "AIGatewayLoadAudioURL" }, loaded), [
      { local_id: "l1" },
    ]);
    assert.deepEqual(playablesOf({ comfyClass: "AIGatewayLoadAudioURL" }, null), []);
    for (const comfyClass of ["AIGatewayFitMusic", "AIGatewayAddSoundtrack"]) {
      assert.deepEqual(playablesOf({ comfyClass }, loaded), [{ local_id: "l1" }]);
    }
  });
});

describe("what a dead job cost", () => {
  for (const [state, type] of /** @type {const} */ ([
    ["failed", "JobFailedError"],
    ["cancelled", "JobCancelledError"],
  ])) {
    const dead = { ...trackOf({ state, is_dead: true }), type, what: state, title: "tune" };
    for (const [charge, price, claim] of /** @type {const} */ ([
      [0, "not charged", /not charged|^The job was cancelled\.$/],
      [0.5, "$0.50", /gateway charged \$0\.50/],
    ]))
      test(`is said alike in each sentence: ${state}, $${charge}`, () => {
        const charged = { ...dead, charge };
        assert.equal(priceOf(charged), price);
        assert.match(factsOf(charged, 1000), charge ? /· \$0\.50 ·/ : /· not charged ·/);
        for (const sentence of [newsText(charged), errorTitle(charged)]) {
          assert.match(sentence, claim);
          assert.doesNotMatch(sentence, charge ? /not charged/ : /\$/);
        }
        assert.match(newsText(charged), /: tune$/);
      });
  }

  test("is the amount for a lost one, which was bought", () => {
    const lost = trackOf({ state: "lost", charge: 0.5 });
    assert.equal(priceOf(lost), "$0.50");
    assert.doesNotMatch(newsText({ what: "lost", title: "tune", charge: 0.5 }), /not/);
  });

  test("is said in every language", () => {
    for (const language of ["es", "fr", "ja", "ko", "ru", "zh", "zh-TW"]) {
      speak(language);
      const news = newsText({ what: "failed", title: "tune", charge: 0.5 });
      assert.match(news, /\$0\.50/);
      assert.match(errorTitle({ type: "JobFailedError", charge: 0.5 }), /\$0\.50/);
    }
  });
});
