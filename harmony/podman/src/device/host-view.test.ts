import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostView, type HostView } from "./host-view.ts";

let root: string;
let view: HostView;
const corrupt: string[] = [];
const onCorrupt = ({ keptAs }: { readonly keptAs: string }): void => void corrupt.push(keptAs);
const open = (): HostView => hostView({ secretsFolder: "/secrets", stateFolder: "/state", onCorrupt, root });
const look = (more: { secrets?: string[]; devices?: string[]; paths?: string[] }) =>
  view.look({ deployment: "app", secrets: [], devices: [], paths: [], ...more });
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "host-"));
  await mkdir(join(root, "secrets"));
  view = open();
});
afterEach(() => rm(root, { recursive: true }));

test("a secret's digest is the same for the same bytes on this device, also for the next process, and another elsewhere", async () => {
  await writeFile(join(root, "secrets/db"), "value");
  const { secrets } = await look({ secrets: ["db", "none"] });
  expect(secrets).toMatchObject({ db: { kind: "present" }, none: { kind: "absent" } });
  expect(await open().readSecret("db")).toMatchObject({ digest: secrets["db"]?.kind === "present" ? secrets["db"].digest : "" });
  const key = join(root, "state/secrets.key");
  expect((await stat(key)).mode & 0o777).toBe(0o600);
  await rm(key);
  view = open();
  expect((await look({ secrets: ["db"] })).secrets).not.toEqual({ db: secrets["db"] });
});

test("a key that is damaged is kept aside and reported, and one that cannot be read now is not replaced", async () => {
  await writeFile(join(root, "secrets/db"), "value");
  const key = join(root, "state/secrets.key");
  await mkdir(key, { recursive: true });
  await expect(look({ secrets: ["db"] })).rejects.toThrow(`failed to read ${key}`);
  await rm(key, { recursive: true });
  await writeFile(key, "short");
  expect((await look({ secrets: ["db"] })).secrets).toMatchObject({ db: { kind: "present" } });
  expect(corrupt).toEqual([`${key}.corrupt`]);
  expect(await readFile(key)).toHaveLength(32);
});

test("a secret that no person has put there comes from the other source, which says what to do when it has none", async () => {
  const source = {
    read: (name: string) => Promise.resolve(name === "none" ? null : Buffer.from(`fetched ${name}`)),
    cure: (name: string) => `fetch ${name}`,
  };
  view = hostView({ secretsFolder: "/secrets", secretSource: source, stateFolder: "/state", onCorrupt, root });
  await writeFile(join(root, "secrets/own"), "a person's");
  await mkdir(join(root, "secrets/folder"));
  expect((await view.readSecret("db"))?.bytes.toString()).toBe("fetched db");
  expect((await view.readSecret("own"))?.bytes.toString()).toBe("a person's");
  const { secrets } = await look({ secrets: ["none", "folder"] });
  expect(secrets).toEqual({ none: { kind: "absent", cure: "fetch none" }, folder: { kind: "unreadable" } });
});

test("a secret that is no file is one that cannot be read", async () => {
  await mkdir(join(root, "secrets/db"));
  expect((await look({ secrets: ["db"] })).secrets).toEqual({ db: { kind: "unreadable" } });
});

test("a folder of files is there whole, with its modes, for its owner alone, and only its own deployment's is reported", async () => {
  const files = [
    { name: "0", mode: 0o444, bytes: Buffer.from("a") },
    { name: "1", mode: 0o555, bytes: Buffer.from("b") },
  ];
  await mkdir(join(root, "state/mounts/.app_web.1"), { recursive: true });
  await writeFile(join(root, "state/mounts/.app_web.1/of-a-cut"), "");
  await view.writeMounts("app_web.1", files);
  await view.writeMounts("apple_web.1", files);
  expect((await look({})).mounts).toEqual(["app_web.1"]);
  const folder = join(root, "state/mounts/app_web.1");
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(await readdir(folder)).toEqual(["0", "1"]);
  expect((await stat(join(folder, "1"))).mode & 0o777).toBe(0o555);
  expect(await readFile(join(folder, "0"), "utf8")).toBe("a");
  await view.removeMounts("app_web.1");
  expect((await look({})).mounts).toEqual([]);
});

test("where a host path leads, and what is no device", async () => {
  await mkdir(join(root, "srv/a"), { recursive: true });
  await symlink("a", join(root, "srv/link"));
  expect(await look({ paths: ["/srv/a", "/srv/link", "/srv/none", "/"], devices: ["/srv/a", "/dev/none"] })).toMatchObject({
    paths: {
      "/srv/a": { kind: "present", real: "/srv/a" },
      "/srv/link": { kind: "present", real: "/srv/a" },
      "/srv/none": { kind: "absent" },
      "/": { kind: "present", real: "/" },
    },
    devices: { "/srv/a": { kind: "no-device" }, "/dev/none": { kind: "absent" } },
  });
});

test("a device is known by when its node was made", async () => {
  view = hostView({ secretsFolder: "/secrets", stateFolder: join(root, "state"), onCorrupt });
  expect((await look({ devices: ["/dev/null"] })).devices).toEqual({
    "/dev/null": { kind: "present", sinceMs: (await stat("/dev/null")).birthtimeMs },
  });
});
