// PodmanV0 through a device's life: hints of changes, Podman's service that ends and returns, the
// power cut.

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type BoundVariant } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectPodman, PodmanError } from "../src/index.ts";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let folder: TempFolder;
  beforeAll(async () => {
    device = await startDevice({ name: "pi-02", podman: version });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    folder = await makeTempFolder("device-life");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  const data = (restart: string) => ({
    services: [{ name: "web", image: "localhost/hello:1", restart, stopTimeoutSeconds: 5, volumes: ["data:/data"] }],
  });
  const apply = (name: string, wanted: unknown) =>
    variant.reconcile(
      { name, revision: "1", scoreString: wanted === null ? "" : scoreString(wanted), data: wanted, hold: null },
      { signal: AbortSignal.timeout(60_000) },
    );
  const podman = (...argv: string[]) => device.exec(["podman", ...argv], { user });

  /**
   * Removes it from Podman's database alone. SQLite wants a path to the database without a link to
   * another root.
   */
  const forgetContainer = async (id: string): Promise<void> => {
    const [there, here] = [`/home/${user}/.local/share/containers/storage/db.sql`, join(folder.path, "db.sql")];
    await copyFile(device.pathOnHost(there), here);
    const database = new DatabaseSync(here);
    database.exec("PRAGMA foreign_keys = OFF");
    for (const table of ["ContainerConfig", "ContainerState", "ContainerVolume"])
      database.prepare(`DELETE FROM ${table} WHERE ${table === "ContainerVolume" ? "ContainerID" : "ID"} = ?`).run(id);
    database.close();
    await copyFile(here, device.pathOnHost(there));
  };

  test("a change by hand is hinted at, also after Podman's service was restarted", async () => {
    await apply("watched", data("always"));
    const heard: string[] = [];
    const end = new AbortController();
    const watching = variant.watch((name) => heard.push(name), end.signal);
    await eventually(
      async () => {
        await podman("restart", "--time", "1", "watched_web");
        return heard.length > 0;
      },
      { what: "a restart is heard of" },
    );
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user });
    heard.length = 0;
    await eventually(
      async () => {
        await podman("restart", "--time", "1", "watched_web");
        return heard.length > 0;
      },
      { what: "a restart is heard of again", timeoutMs: 30_000 },
    );
    expect(new Set(heard)).toEqual(new Set(["watched"]));
    end.abort();
    await watching;
    expect(await apply("watched", null)).toMatchObject({ settled: true });
  });

  test("a socket that is gone is a fault to try again, and all is well when it is back", async () => {
    await apply("steady", data("always"));
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    const error: unknown = await apply("steady", data("always")).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PodmanError);
    expect(error).toMatchObject({ code: "unreachable", retry: "backoff" });
    await device.exec(["systemctl", "--user", "start", "podman.socket"], { user });
    expect(await apply("steady", data("always"))).toMatchObject({ phase: "Running", settled: true });
    await apply("steady", null);
  });

  test("a start that was broken off is made good, though its process runs", async () => {
    await apply("halfway", data("always"));
    await podman("stop", "--time", "1", "halfway_web");
    // Conmon has Podman clear away what the container was, in a process of its own.
    const clearing = ["pgrep", "--full", "conmon .*halfway_web|container cleanup"];
    await eventually(async () => (await device.exec(clearing, { allowExitCodes: [0, 1] })).exitCode === 1, { what: "it is cleared away" });
    const state = async (): Promise<string> =>
      (await podman("inspect", "--format", "{{.Id}} {{.State.Status}}", "halfway_web")).stdout.trim();
    await podman("init", "halfway_web");
    const [id = ""] = (await state()).split(" ");
    // This does without Podman what Podman does next: the process runs, and Podman has not taken
    // note.
    await podman("unshare", "crun", "start", id);
    expect(await state()).toBe(`${id} initialized`);
    expect(await apply("halfway", data("always"))).toMatchObject({ phase: "Running", reason: "Running" });
    expect(await state()).toBe(`${id} running`);
    await apply("halfway", null);
  });

  test("what a person stopped stays down over a boot if its restart policy respects that, until he starts it", async () => {
    const polite = data("unless-stopped");
    const held = { phase: "Held", reason: "StoppedByHand", settled: true };
    await apply("polite", polite);
    await podman("stop", "--time", "1", "polite_web");
    expect(await apply("polite", polite)).toMatchObject(held);
    await device.powerOff();
    await device.powerOn();
    expect(await apply("polite", polite)).toMatchObject(held);
    await podman("start", "polite_web");
    expect(await apply("polite", polite)).toMatchObject({ phase: "Running" });
    await device.powerOff();
    await device.powerOn();
    expect(await apply("polite", polite)).toMatchObject({ phase: "Running" });
    await apply("polite", null);
  });

  test("the containers of an image are those of its whole name", async () => {
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:12" }));
    await apply("one", data("always"));
    await apply("twelve", { services: [{ name: "web", image: "localhost/hello:12", stopTimeoutSeconds: 5 }] });
    const made = await connectPodman({ socketPath: device.podmanSocket, user }).containersOf(
      "localhost/hello:1",
      AbortSignal.timeout(10_000),
    );
    expect(made.flatMap(({ Names }) => Names)).toEqual(["one_web"]);
    await Promise.all([apply("one", null), apply("twelve", null)]);
  });

  test("a container of which the power left no more than its storage is made again", async () => {
    await apply("half", data("always"));
    const id = (await podman("inspect", "--format", "{{.Id}}", "half_web")).stdout.trim();
    await podman("stop", "--time", "1", "half_web");
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user });
    await forgetContainer(id);
    expect((await podman("ps", "--all", "--quiet", "--filter", "name=half_web")).stdout.trim()).toBe("");
    expect((await podman("ps", "--all", "--external", "--format", "{{.Names}} {{.Status}}")).stdout).toContain("half_web Storage");
    expect(await apply("half", data("always"))).toMatchObject({ phase: "Running", reason: "Running" });
    await apply("half", null);
  });

  test("a container whose storage kept its former name gives that up, and runs on", async () => {
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:2" }));
    await apply("renamed", data("always"));
    const started = async (): Promise<string> =>
      (await podman("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", "renamed_web")).stdout;
    const before = await started();
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user });
    const names = `/home/${user}/.local/share/containers/storage/overlay-containers/containers.json`;
    await device.exec(["sed", "--in-place", 's/"names":\\["renamed_web"\\]/"names":["renamed_web.next"]/', names]);
    expect(await device.readFile(names)).toContain('"renamed_web.next"');
    const create = ["create", "--name", "renamed_web.next", "localhost/hello:2"];
    expect((await device.exec(["podman", ...create], { user, allowExitCodes: [125] })).stderr).toContain("already in use");
    const made = connectPodman({ socketPath: device.podmanSocket, user });
    const [service] = data("always").services;
    const next = { services: [{ ...service, image: "localhost/hello:2" }] };
    expect(await started()).toBe(before);
    expect(await apply("renamed", next)).toMatchObject({ phase: "Starting", reason: "OnTrial" });
    expect((await made.inspectContainer("renamed_web.old", AbortSignal.timeout(5_000))).Name).toBe("renamed_web.old");
    await apply("renamed", null);
  });

  test("what ran when the power went runs again, whatever its restart policy", async () => {
    const policies = ["always", "unless-stopped", "on-failure", "no"];
    for (const policy of policies) await apply(`was-${policy}`, data(policy));
    await device.powerOff();
    await device.powerOn();
    for (const policy of policies)
      expect(await apply(`was-${policy}`, data(policy))).toMatchObject({ phase: "Running", reason: "Running" });
    expect((await podman("ps", "--quiet")).stdout.trim().split("\n")).toHaveLength(policies.length);
  });
});
