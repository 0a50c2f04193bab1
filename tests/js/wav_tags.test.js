import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tagsOfWav } from "../../web/js/wav_tags.js";

describe("the tags of a dropped WAV file", () => {
  const tags = "ID3\x04\0\0TXXXworkflow\0{}\0";

  for (const [name, chunks] of /** @type {[string, [string, string][]][]} */ ([
    [
      "behind the samples",
      [
        ["fmt ", "x".repeat(16)],
        ["data", "y".repeat(100)],
        ["id3 ", tags],
      ],
    ],
    [
      "behind a chunk of odd length",
      [
        ["data", "yyy"],
        ["id3 ", tags],
      ],
    ],
    [
      "before the samples, in capitals",
      [
        ["ID3 ", tags],
        ["data", "y"],
      ],
    ],
  ]))
    test(`are found ${name}`, async () => {
      assert.equal(await (await tagsOfWav(wav(chunks)))?.text(), tags);
    });

  for (const [name, file] of /** @type {[string, Blob][]} */ ([
    ["without tags", wav([["data", "yyy"]])],
    ["that ends within a chunk", wav([["data", "y".repeat(100)]]).slice(0, 60)],
    ["that ends within a header", wav([["data", "yy"]]).slice(0, 17)],
    ["of another kind", new Blob(["fLaC and more"])],
    ["that is empty", new Blob([])],
    ["whose size leads nowhere", new Blob(["RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff"])],
  ]))
    test(`are none in a file ${name}`, async () => assert.equal(await tagsOfWav(file), null));

  test("are not sought for ever", async () => {
    assert.equal(await tagsOfWav(wav(Array(5000).fill(["junk", ""]))), null);
  });
});

/** @param {[string, string][]} chunks */
function wav(chunks) {
  const parts = chunks.flatMap(([id, content]) => {
    const size = new Uint8Array(new Uint32Array([content.length]).buffer);
    return [id, size, content, content.length % 2 ? "\0" : ""];
  });
  return new Blob(["RIFF\0\0\0\0WAVE", ...parts]);
}
