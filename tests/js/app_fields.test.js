import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { nameFields } from "../../web/js/saved_graphs.js";
import { speak } from "./language.js";

beforeEach(() => speak("zh"));

/**
 * The labels of a node's fields `value` and `take`, as an App with one field shows them.
 *
 * @param {number | string} id of the field's node in the App
 * @param {string} name
 * @param {import("../../../scripts/app.js").AppField} [shown]
 */
const labels = (id, name, shown) => {
  const slot = (/** @type {string} */ field) => ({ name: field, widget: { name: field } });
  const node = { id: 7, type: "Primitive", inputs: [slot("value"), slot("take")] };
  /** @type {import("../../../scripts/app.js").SavedGraph} */
  const graph = { nodes: [node], extra: { linearData: { inputs: [[id, name, shown]] } } };
  nameFields(graph);
  return graph.nodes?.[0]?.inputs?.map(({ label }) => label);
};

test("a field is named by our words, with its number", () => {
  assert.deepEqual(labels(7, "value", { say: "app_music" }), ["音乐", undefined]);
  assert.deepEqual(labels("7", "take", { say: "take", n: 2 }), [undefined, "版本 2"]);
});

test("a field of a person's own App keeps its name", () => {
  const none = [undefined, undefined];
  assert.deepEqual(labels(7, "value"), none);
  assert.deepEqual(labels(7, "value", { height: 90 }), none);
  assert.deepEqual(labels("5d0b3f0e:7:value", "value", { say: "app_music" }), none);
});

test("an unknown word, node or field changes nothing", () => {
  const none = [undefined, undefined];
  assert.deepEqual(labels(7, "value", { say: "app_other" }), none);
  assert.deepEqual(labels(8, "value", { say: "app_music" }), none);
  assert.deepEqual(labels(7, "words", { say: "app_music" }), none);
  nameFields({});
  nameFields({ nodes: [], extra: {} });
});
