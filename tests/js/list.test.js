import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pages, rowsInView } from "../../web/js/pages.js";
import { freeOf, positionsInRow } from "../../web/js/row_layout.js";

describe("the rows to draw", () => {
  const view = (/** @type {number} */ scrollTop) => ({ scrollTop, clientHeight: 400 });

  test("are those that are visible, and two more on each side", () => {
    assert.deepEqual(rowsInView(view(1000), 100, 10_000), { first: 8, end: 16 });
  });

  test("stop at both ends of the list", () => {
    assert.deepEqual(rowsInView(view(0), 100, 10_000), { first: 0, end: 6 });
    assert.deepEqual(rowsInView(view(999_600), 100, 10_000), { first: 9994, end: 10_000 });
    assert.deepEqual(rowsInView(view(0), 100, 3), { first: 0, end: 3 });
    assert.deepEqual(rowsInView(view(0), 100, 0), { first: 0, end: 0 });
  });

  test("are none where the list became shorter than the position", () => {
    assert.deepEqual(rowsInView(view(5000), 100, 3), { first: 3, end: 3 });
  });
});

/** A server with numbered rows, which answers when it is told to. */
class Server {
  constructor(total = 0) {
    this.total = total;
    /** @type {{offset: number, answer: (name?: string) => void, refuse: () => void}[]} */
    this.asked = [];
  }

  /**
   * @param {number} offset
   * @param {number} limit
   * @returns {Promise<{rows: string[], total: number} | null>}
   */
  read(offset, limit) {
    const { total } = this;
    return new Promise((resolve) => {
      const count = Math.max(0, Math.min(limit, total - offset));
      const answer = (name = "row") => {
        const rows = Array.from({ length: count }, (_, index) => `${name} ${offset + index}`);
        resolve({ rows, total });
      };
      this.asked.push({ offset, answer, refuse: () => resolve(null) });
    });
  }

  /** @param {string} [name] */
  answerAll(name) {
    for (const { answer } of this.asked.splice(0)) answer(name);
  }
}

/**
 * Pages of ten rows, the first of which has been read.
 *
 * @param {number} total
 */
async function opened(total) {
  const server = new Server(total);
  const pages = new Pages(10, (offset, limit) => server.read(offset, limit));
  const done = pages.refresh(0, 0);
  server.answerAll();
  await done;
  return { server, pages };
}

describe("pages of rows", () => {
  test("read the first page to know how many rows there are", async () => {
    const { pages } = await opened(25);
    assert.equal(pages.total, 25);
    assert.equal(pages.at(9), "row 9");
    assert.equal(pages.at(10), undefined);
  });

  test("read each page once, when its rows are visible", async () => {
    const { server, pages } = await opened(25);
    const done = pages.fill(8, 21);
    assert.equal(await pages.fill(8, 21), false);
    assert.deepEqual(
      server.asked.map(({ offset }) => offset),
      [10, 20],
    );
    server.answerAll();
    assert.equal(await done, true);
    assert.equal(pages.at(20), "row 20");
    assert.equal(await pages.fill(0, 25), false);
  });

  test("read nothing behind the end", async () => {
    const { server, pages } = await opened(5);
    assert.equal(await pages.fill(3, 40), false);
    assert.deepEqual(server.asked, []);
  });

  test("keep only the visible pages when they are read again", async () => {
    const { server, pages } = await opened(25);
    const filled = pages.fill(0, 25);
    server.answerAll();
    await filled;
    const done = pages.refresh(12, 18);
    server.answerAll("new");
    await done;
    assert.equal(pages.at(12), "new 12");
    assert.equal(pages.at(0), undefined);
    assert.equal(pages.at(20), undefined);
  });

  test("take the newest answer, in whatever order answers come", async () => {
    const { server, pages } = await opened(5);
    const both = [pages.refresh(0, 5), pages.refresh(0, 5)];
    const [older, newer] = server.asked;
    newer?.answer("newer");
    older?.answer("older");
    await Promise.all(both);
    assert.equal(pages.at(0), "newer 0");
  });

  test("drop answers to a search that was replaced", async () => {
    const { server, pages } = await opened(5);
    const old = pages.refresh(0, 5);
    pages.clear();
    server.answerAll("old search");
    await old;
    assert.equal(pages.at(0), undefined);
  });

  test("keep their rows where there is no answer, and ask again", async () => {
    const { server, pages } = await opened(5);
    const failed = pages.refresh(0, 5);
    server.asked.splice(0)[0]?.refuse();
    await failed;
    assert.equal(pages.at(0), "row 0");
    const done = pages.refresh(0, 5);
    server.answerAll("new");
    await done;
    assert.equal(pages.at(0), "new 0");
  });
});

describe("nodes that are put onto the canvas", () => {
  const SIZES = /** @type {[number, number][]} */ ([
    [200, 100],
    [100, 300],
  ]);

  test("stand in a row around the middle", () => {
    assert.deepEqual(positionsInRow(SIZES, [0, 50], []), [
      [-180, 50],
      [80, 50],
    ]);
  });

  test("go below the nodes that are in the way, one after the other", () => {
    const others = /** @type {Box[]} */ ([
      { pos: [0, 0], size: [50, 60] },
      { pos: [100, 300], size: [50, 50] },
      { pos: [900, 0], size: [50, 5000] },
    ]);
    assert.deepEqual(
      positionsInRow(SIZES, [0, 50], others).map((position) => position[1]),
      [440, 440],
    );
  });

  test("leave room for the titles, which stand above the nodes", () => {
    const above = /** @type {Box[]} */ ([{ pos: [0, 0], size: [50, 40] }]);
    assert.deepEqual(positionsInRow(SIZES, [0, 50], above)[0], [-180, 130]);
  });
});

test("panels at the sides leave the middle of the canvas free", () => {
  const edges = (/** @type {number} */ left, /** @type {number} */ right) => ({
    left,
    right,
    top: 0,
    bottom: 900,
  });
  const free = freeOf(edges(0, 1600), [edges(60, 370), edges(1280, 1600), edges(0, 0)]);
  assert.deepEqual(free, edges(370, 1280));
});

test("the free part of an area that has getters has all four edges", () => {
  class Rect {
    left = 0;
    right = 1600;
    get top() {
      return 40;
    }
    get bottom() {
      return 900;
    }
  }
  const free = freeOf(new Rect(), []);
  assert.deepEqual(free, { left: 0, right: 1600, top: 40, bottom: 900 });
});
