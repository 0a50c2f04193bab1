import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOursAlone } from "../../web/js/core_errors.js";

describe("whether all errors that ComfyUI shows are ours", () => {
  const ours = { class_type: "AIGatewayTakes", errors: [{ type: "custom_validation_failed" }] };
  const missing = { class_type: "AIGatewayTakes", errors: [{ type: "required_input_missing" }] };
  const core = { class_type: "SaveAudio", errors: [{ type: "custom_validation_failed" }] };

  test("follows from the nodes that ComfyUI did not queue", () => {
    assert.equal(isOursAlone({ lastNodeErrors: { 1: ours, 2: ours } }), true);
    assert.equal(isOursAlone({ lastNodeErrors: { 1: ours, 2: core } }), false);
    assert.equal(isOursAlone({ lastNodeErrors: { 1: missing } }), false);
    const both = { ...ours, errors: [...ours.errors, ...missing.errors] };
    assert.equal(isOursAlone({ lastNodeErrors: { 1: both } }), false);
  });

  test("follows from the type of the error that ended the run", () => {
    const lastExecutionError = { exception_type: "aigateway.CreditsError" };
    assert.equal(isOursAlone({ lastExecutionError }), true);
    assert.equal(isOursAlone({ lastExecutionError, lastNodeErrors: { 2: core } }), false);
    assert.equal(isOursAlone({ lastExecutionError: { exception_type: "ValueError" } }), false);
    const withOurs = { lastNodeErrors: { 1: ours }, lastExecutionError: { exception_type: "E" } };
    assert.equal(isOursAlone(withOurs), false);
  });

  test("is not known where ComfyUI tells nothing", () => {
    assert.equal(isOursAlone({}), false);
    assert.equal(isOursAlone({ lastNodeErrors: null, lastExecutionError: null }), false);
  });
});
