import { describe, expect, test } from "vitest";
import { judge, type Observation } from "./judge.ts";

const GOOD: Observation = {
  wanted: { web: "2", pump: "1" },
  acceptable: { web: ["1", "2"], pump: ["1"] },
  answered: { web: "1", pump: "1" },
  loginMs: 20_000,
  reconciledMs: 40_000,
  notReconciled: "",
  containers: [
    { name: "web_page", state: "running", image: "hello:2" },
    { name: "pump_page", state: "running", image: "hello:1" },
  ],
  volumes: ["web_data", "pump_data"],
  networks: ["podman"],
  files: { "desired-state.json": "{}", "history.jsonl": '{"at":1}\n{"at":2}\n' },
  fsck: { exitCode: 1, output: "disk: recovering journal\ndisk: Clearing orphaned inode 17\n" },
  agentJournal: ["connected to NATS"],
};

const container = (name: string, state = "running"): Observation["containers"][number] => ({ name, state, image: "hello:1" });

describe("a device after a power cut", () => {
  test("that answers with the last good version and is then reconciled is well", () => {
    expect(judge(GOOD)).toEqual({ failures: [], repairs: [] });
  });

  test.each<[string, Partial<Observation>, RegExp]>([
    ["it does not boot", { loginMs: null }, /did not boot/],
    ["a page does not answer", { answered: { ...GOOD.answered, pump: null } }, /pump did not answer/],
    ["a page is of a version that was never asked for", { answered: { ...GOOD.answered, web: "0" } }, /version 0, not 1 or 2/],
    ["it is not reconciled", { reconciledMs: null, notReconciled: "web is Blocked" }, /not reconciled: web is Blocked/],
    [
      "a container of the swap is left",
      { containers: [...GOOD.containers, container("web_page.next", "created")] },
      /orphan.*web_page\.next/,
    ],
    ["a container is missing", { containers: [container("web_page")] }, /no container pump_page/],
    ["a container has ended", { containers: [container("web_page", "exited"), container("pump_page")] }, /web_page is exited/],
    ["a volume is left", { volumes: [...GOOD.volumes, "old_data"] }, /orphan: the volume old_data/],
    ["a network is left", { networks: ["podman", "web"] }, /orphan: the network web/],
    [
      "files of a former version are left",
      { files: { "mounts/web_page.a1/0": "1", "mounts/web_page.b2/0": "2", "mounts/pump_page.c3/0": "1" } },
      /orphan: 2 folders of files of web_page/,
    ],
    ["a file of the agent is empty", { files: { "swaps/web.json": "" } }, /swaps\/web\.json is damaged/],
    ["a line of the history is torn", { files: { "history.jsonl": '{"at":1}\n{"a' } }, /1 damaged lines/],
    ["a file was kept aside", { files: { "desired-state.json": "{}", "desired-state.json.corrupt": "" } }, /kept aside/],
    ["the file system is damaged", { fsck: { exitCode: 4, output: "UNEXPECTED INCONSISTENCY" } }, /UNEXPECTED INCONSISTENCY/],
  ])("fails when %s", (_, change, failure) => {
    const { failures } = judge({ ...GOOD, ...change });
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(failure);
  });

  test("has its repairs listed, each once, and they are no failure", () => {
    const said = "the image hello:1 is damaged: removed and pulled again";
    expect(judge({ ...GOOD, agentJournal: [said, said, "pulling hello:2"] })).toEqual({ failures: [], repairs: [said] });
  });
});
