// The words for a person about a pull, from lines as Podman 4.9 and 5.4 write them.

import { expect, test } from "vitest";
import type { PullLine } from "../libpod/answers.ts";
import { type PullSize, pullProgress } from "./pull-progress.ts";

const line = (id: string, status: string, current?: number, total?: number): PullLine => ({
  id,
  status,
  progressDetail: current === undefined ? {} : { current, total },
});

test("a share of what is fetched, without the layers that are there already, and each figure once", () => {
  const said: string[] = [];
  let size: PullSize = { currentBytes: 0, totalBytes: 0 };
  const take = pullProgress(
    (text) => said.push(text),
    (latest) => (size = latest),
  );
  for (const one of [
    line("a", "Pulling fs layer"),
    line("b", "Pulling fs layer"),
    line("a", "Downloading", 25, 100),
    line("b", "Download complete"),
    line("a", "Downloading", 25, 100),
    line("c", "Downloading", 10, 100),
    line("a", "Download complete"),
  ])
    take(one);
  expect(said).toEqual(["25 %", "17 %", "55 %"]);
  expect(size).toEqual({ currentBytes: 110, totalBytes: 200 });
});
