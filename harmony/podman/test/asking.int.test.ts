// What a person asks of a deployment's containers, against the real Podman and journald of a
// device: its log, from the journal and from a file, and a command in it.

import type { BoundVariant, LogQuery, RunningCommand, Unable, WrittenLine } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const signal = AbortSignal.timeout(600_000);

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let folder: TempFolder;

  const image = "localhost/hello:1";
  const journald = { driver: "journald" };
  const data = {
    services: [
      { name: "web", image, logging: journald },
      { name: "side", image, logging: journald },
    ],
  };
  const file = { driver: "k8s-file" };
  const files = {
    services: [
      { name: "web", image, logging: file },
      { name: "side", image, logging: file },
    ],
  };
  const kept = { services: [{ name: "web", image, logging: { driver: "k8s-file" } }] };

  beforeAll(async () => {
    [device, folder] = await Promise.all([startDevice({ name: "pi-01", podman: version }), makeTempFolder("asking")]);
    await loadImage(device.podmanSocket, await makeImage({ reference: image }));
    variant = await bindDevice(device, folder.path);
    await Promise.all([apply("app", data), apply("kept", kept), apply("files", files)]);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  async function apply(name: string, wanted: unknown): Promise<void> {
    const text = scoreString(wanted);
    const desired = { name, revision: "1", scoreString: text, data: wanted, hold: null };
    await eventually(async () => (await variant.reconcile(desired, { signal })).phase === "Running", {
      what: `${name} runs`,
      timeoutMs: 60_000,
    });
  }

  const podman = (...args: readonly string[]): Promise<unknown> => device.exec(["podman", ...args], { user });
  /** By the container's own program. */
  const write = (container: string, ...lines: readonly string[]): Promise<unknown> =>
    podman("exec", container, "/bin/sh", "-c", lines.map((line) => `echo '${line}' > /proc/1/fd/1`).join("; "));

  const query = (name: string, more: Partial<LogQuery> = {}): LogQuery => ({
    name,
    service: null,
    follow: false,
    tail: null,
    sinceMs: null,
    untilMs: null,
    grep: null,
    previous: false,
    cursor: null,
    ...more,
  });

  async function read(asked: LogQuery): Promise<readonly WrittenLine[]> {
    const lines: WrittenLine[] = [];
    for await (const batch of variant.logs?.(asked, signal) ?? []) if (batch.kind === "lines") lines.push(...batch.lines);
    return lines;
  }
  const texts = async (asked: LogQuery): Promise<readonly string[]> => (await read(asked)).map(({ text }) => text);
  const untilWritten = (asked: LogQuery, text: string): Promise<unknown> =>
    eventually(async () => (await texts(asked)).includes(text), { what: `"${text}" is in the log` });

  /** Everything from the moment on that it is called. */
  function follow(asked: LogQuery): { readonly lines: WrittenLine[]; stop(): void; readonly ended: Promise<unknown> } {
    const aborted = new AbortController();
    const lines: WrittenLine[] = [];
    const run = async (): Promise<void> => {
      for await (const batch of variant.logs?.({ ...asked, follow: true }, aborted.signal) ?? [])
        if (batch.kind === "lines") lines.push(...batch.lines);
    };
    return { lines, stop: () => aborted.abort(new Error("stopped")), ended: run().catch((error: unknown) => error) };
  }

  describe.each([
    ["the journal", "app", "web"],
    ["a file", "kept", null],
  ] as const)("the log in %s", (_where, name, service) => {
    const own = query(name, { service });
    const container = `${name}_web`;

    test("is given whole, from its end, and after a line that was given", async () => {
      await write(container, "one", "two", "two", "three");
      await untilWritten(own, "three");
      const whole = await read(own);
      expect(whole.slice(-5).map(({ text }) => text)).toEqual(["serving version 1 on port 8080", "one", "two", "two", "three"]);
      expect(await texts({ ...own, tail: 2 })).toEqual(["two", "three"]);
      expect(await texts({ ...own, tail: 0 })).toEqual([]);
      for (const at of [-2, -3, -4])
        expect(await texts({ ...own, cursor: whole.at(at)?.cursor ?? "", tail: 0 })).toEqual(whole.slice(at + 1).map(({ text }) => text));
      expect(whole.at(-1)).toMatchObject({ stream: "out", service: null });
      expect(Math.abs((whole.at(-1)?.atMicros ?? 0) / 1_000 - Date.now())).toBeLessThan(60_000);
    });

    test("is given between two times", async () => {
      const [at = 0] = (await read({ ...own, tail: 1 })).map(({ atMicros }) => atMicros / 1_000);
      expect(await texts({ ...own, sinceMs: at + 1_000 })).toEqual([]);
      expect((await texts({ ...own, sinceMs: at - 600_000 })).at(-1)).toBe("three");
      expect(await texts({ ...own, untilMs: at - 600_000 })).toEqual([]);
    });

    test("is followed, also over a restart of its container, without a line lost or twice", async () => {
      const followed = follow({ ...own, tail: 1 });
      await eventually(() => followed.lines.length === 1, { what: "the last line is there" });
      await write(container, "before");
      await eventually(() => followed.lines.some(({ text }) => text === "before"), { what: "it follows" });
      await podman("restart", "--time", "1", container);
      await write(container, "after");
      await eventually(() => followed.lines.some(({ text }) => text === "after"), { what: "it goes on", timeoutMs: 20_000 });
      expect(followed.lines.map(({ text }) => text)).toEqual(["three", "before", "serving version 1 on port 8080", "after"]);
      followed.stop();
      await followed.ended;
    });

    test("of before the last start is given", async () => {
      const before = await texts({ ...own, previous: true });
      expect(before).toContain("before");
      expect(before).not.toContain("after");
    });
  });

  test("a pattern is found in the journal, the last ones and from then on", async () => {
    await write("app_web", "value 1", "noise", "value 2", "value 3");
    const own = query("app", { service: "web", grep: "^value \\d$" });
    await eventually(async () => (await texts(own)).length === 3, { what: "all are there" });
    expect(await texts({ ...own, tail: 2 })).toEqual(["value 2", "value 3"]);
    const followed = follow({ ...own, tail: 1 });
    await eventually(() => followed.lines.length === 1, { what: "the last one is there" });
    await write("app_web", "more noise", "value 4");
    await eventually(() => followed.lines.length === 2, { what: "the next one comes" });
    expect(followed.lines.map(({ text }) => text)).toEqual(["value 3", "value 4"]);
    followed.stop();
    await followed.ended;
    await expect(read(query("kept", { grep: "x" }))).rejects.toMatchObject({ reason: "NoPattern" } satisfies Partial<Unable>);
  });

  test.each(["app", "files"])(
    "all services of %s are one log, each line says whose it is, and it is taken up where it was",
    async (name) => {
      await write(`${name}_side`, "of side");
      await untilWritten(query(name), "of side");
      await write(`${name}_web`, "of web");
      await untilWritten(query(name), "of web");
      const lines = await read(query(name));
      const inWords = ({ text, service }: WrittenLine): string => `${service}: ${text}`;
      // Podman 5.4 gives the times of a file to a second.
      const last = lines.slice(-2).map(inWords);
      expect(last.toSorted()).toEqual(["side: of side", "web: of web"]);
      const followed = follow({ ...query(name), cursor: lines.at(-2)?.cursor ?? "" });
      await eventually(() => followed.lines.length === 1, { what: "what came after is there" });
      await write(`${name}_side`, "more of side");
      await eventually(() => followed.lines.length === 2, { what: "it goes on" });
      expect(followed.lines.map(inWords)).toEqual([last[1], "side: more of side"]);
      followed.stop();
      await followed.ended;
    },
  );

  test("what is not there is said with what there is", async () => {
    await expect(read(query("app", { service: "none" }))).rejects.toMatchObject({
      reason: "NoSuchService",
      message: expect.stringContaining("side, web") as unknown,
    });
    await expect(read(query("none"))).rejects.toMatchObject({ reason: "NoContainer" });
  });

  test("a line that is very long is cut, and text that is none is given as far as it is", async () => {
    await podman(
      "exec",
      "app_web",
      "/bin/sh",
      "-c",
      "busybox head -c 40000 /dev/zero | busybox tr '\\0' y > /proc/1/fd/1; echo > /proc/1/fd/1",
    );
    await podman("exec", "app_web", "/bin/sh", "-c", "busybox printf 'a\\377\\033[31mb\\n' > /proc/1/fd/1");
    const own = query("app", { service: "web" });
    await eventually(async () => (await texts(own)).at(-1)?.endsWith("b"), { what: "it is there" });
    for (const text of await texts(own)) expect(text.length).toBeLessThanOrEqual(16 * 1024);
  });

  async function run(
    command: readonly string[],
    typed: string | null = null,
  ): Promise<{ readonly out: string; readonly err: string; readonly exitCode: number }> {
    const running = await variant.run?.({ name: "app", service: "web", command, terminal: null, hasInput: typed !== null }, signal);
    if (running === undefined) throw new Error("it runs no commands");
    if (typed !== null) await running.write(Buffer.from(typed));
    running.endOfInput();
    return collect(running);
  }

  async function collect(running: RunningCommand): Promise<{ readonly out: string; readonly err: string; readonly exitCode: number }> {
    const written = { out: "", err: "" };
    for await (const { stream, data: some } of running.output) written[stream] += Buffer.from(some).toString();
    return { ...written, exitCode: await running.exitCode() };
  }

  test("a command has its input, its two outputs and its exit code", async () => {
    expect(await run(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"])).toEqual({ out: "out\n", err: "err\n", exitCode: 7 });
    expect(await run(["cat"], "typed")).toEqual({ out: "typed", err: "", exitCode: 0 });
    expect((await run(["/bin/none"]).catch((error: Unable) => error)).exitCode).toBe(127);
  });
});
