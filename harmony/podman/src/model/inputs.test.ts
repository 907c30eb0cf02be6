// The inputs that a service gets from the device, and those that the device lacks.

import { expect, test } from "vitest";
import { testTable } from "../../test/planner-table.ts";
import { CLOSED, container, desired, NOW_MS, proved, snapshot } from "../../test/scene.ts";
import { NO_INPUT_FACTS, type InputFacts } from "./input-facts.ts";
import { inputsOf } from "./inputs.ts";
import { plan } from "../plan/planner.ts";

const web = (more: object) => ({ services: [{ name: "web", image: "x:1", ...more }] });
const D1 = "0123456789abcdef0123";
const D2 = "ffffffffffffffffffff";
const host = (more: Partial<InputFacts>): InputFacts => ({ ...NO_INPUT_FACTS, mountsFolder: "/m", secretsFolder: "/s", ...more });
const withSecret = (digest: string, more: Partial<InputFacts> = {}) => host({ secrets: { db: { kind: "present", digest } }, ...more });
const made = (data: unknown, facts: InputFacts, labels: Record<string, string> = {}, controllers: string[] = []) => {
  const service = desired(data).data?.services[0];
  if (service === undefined) throw new Error("no service");
  const inputs = inputsOf(service, { deployment: "app", device: { id: "pi-01", labels }, host: facts, controllers });
  return { folder: inputs.mounts?.folder ?? "", inputs: inputs.label };
};

const mounting = web({ secrets: [{ name: "db" }] });
const inEnv = web({ env: { PASSWORD: { secret: "db" } } });
const bothInEnv = { services: ["web", "other"].map((name) => ({ name, image: "x:1", env: { PASSWORD: { secret: "db" } } })) };
const inBoth = web({ env: { PASSWORD: { secret: "db" } }, secrets: [{ name: "gone" }] });
const ofBoth = made(inBoth, host({ secrets: { db: { kind: "present", digest: D1 }, gone: { kind: "present", digest: D2 } } }));
const damaged = (isMendable: boolean) => ({ kind: "damaged", folder: "/f", detail: "secrets.json cannot be read", isMendable }) as const;
const withInEnv = {
  host: withSecret(D1),
  containers: [container("web", inEnv, { state: "created", inputs: made(inEnv, withSecret(D1)).inputs })],
};
const labelled = web({ env: { SITE: { device: "labels.site" } } });
const limited = web({ resources: { memory: "64Mi" } });
const unlimited = made(limited, NO_INPUT_FACTS).inputs;
const serial = web({ devices: ["/dev/serial/by-id/m:/dev/m"] });
const shared = web({ volumes: ["/srv/a:/a"] });
const now = made(mounting, withSecret(D1));
const later = made(mounting, withSecret(D2));
const swap = ["create app_web.next", "stop app_web 300s", "start app_web.next", "remove app_web", "rename app_web.next app_web"];
const images = ["x:1"];
const device = (kind: "absent" | "no-device") => host({ devices: { "/dev/serial/by-id/m": { kind } } });
const plugged = (sinceMs: number) => host({ devices: { "/dev/serial/by-id/m": { kind: "present", sinceMs } } });
const srv = (real: string) => host({ paths: { "/srv/a": { kind: "present", real } } });
const open = { ...CLOSED, hostPaths: ["/srv/*"] };

testTable({
  "a secret as a file": [
    {
      name: "is written before the container is made",
      want: mounting,
      have: { images, host: withSecret(D1) },
      steps: [`write files ${now.folder}`, "create app_web", "start app_web"],
    },
    {
      name: "that is there already is not written again",
      want: mounting,
      have: { images, host: withSecret(D1, { mounts: [now.folder] }) },
      steps: ["create app_web", "start app_web"],
    },
    {
      name: "that a container was made with leaves it alone",
      want: mounting,
      have: {
        ...proved(mounting),
        host: withSecret(D1, { mounts: [now.folder] }),
        containers: [container("web", mounting, { inputs: now.inputs })],
      },
      steps: [],
    },
    {
      name: "that was lost from its place is written again",
      want: mounting,
      have: { host: withSecret(D1), containers: [container("web", mounting, { inputs: now.inputs })] },
      steps: [`write files ${now.folder}`],
    },
    {
      name: "that changed makes the container anew, and the old one keeps its own until then",
      want: mounting,
      have: { images, host: withSecret(D2, { mounts: [now.folder] }), containers: [container("web", mounting, { inputs: now.inputs })] },
      steps: [`write files ${later.folder}`, ...swap],
    },
    {
      name: "that no container was made with is removed",
      want: mounting,
      have: {
        ...proved(mounting),
        host: withSecret(D2, { mounts: [now.folder, later.folder] }),
        containers: [container("web", mounting, { inputs: later.inputs })],
      },
      steps: [`remove files ${now.folder}`],
    },
    {
      name: "that is absent blocks",
      want: mounting,
      have: { images, host: host({ secrets: { db: { kind: "absent" } } }) },
      steps: [],
      blocked: ["web SecretMissing"],
    },
    {
      name: "that is absent leaves alone what was made with it",
      want: mounting,
      have: {
        ...proved(mounting),
        host: host({ secrets: { db: { kind: "absent" } }, mounts: [now.folder] }),
        containers: [container("web", mounting, { inputs: now.inputs })],
      },
      steps: [],
    },
    {
      name: "goes with its deployment",
      want: null,
      have: { host: host({ mounts: [now.folder] }), secrets: ["app_db.x"], containers: [container("web", mounting)] },
      steps: ["stop app_web 300s", "remove app_web", "remove secret app_db.x", `remove files ${now.folder}`],
    },
  ],
  "a secret in the environment": [
    {
      name: "is handed to Podman before the container is made",
      want: inEnv,
      have: { images, host: withSecret(D1) },
      steps: [`create secret app_db.${D1}`, "create app_web", "start app_web"],
    },
    {
      name: "that changed is another, and the first goes when its container has gone",
      want: inEnv,
      have: {
        ...proved(inEnv),
        images,
        host: withSecret(D2),
        secrets: [`app_db.${D1}`, `app_db.${D2}`],
        containers: [container("web", inEnv, { inputs: made(inEnv, withSecret(D2)).inputs })],
      },
      steps: [`remove secret app_db.${D1}`],
    },
  ],
  "Podman's store of secrets that it cannot read": [
    {
      name: "blocks who needs it",
      want: inEnv,
      have: { images, host: withSecret(D1), secrets: null },
      steps: [],
      blocked: ["web SecretStoreDamaged"],
    },
    {
      name: "blocks who would be started with it",
      want: inEnv,
      have: { ...proved(inEnv), ...withInEnv, secrets: null },
      steps: [],
      blocked: ["web SecretStoreDamaged"],
    },
    {
      name: "is repaired before all else",
      want: inEnv,
      have: { images, host: withSecret(D1), secrets: null, secretStore: damaged(true) },
      steps: ["repair secret store"],
    },
    {
      name: "is repaired also where it is only the values that are lost",
      want: inEnv,
      have: { ...proved(inEnv), ...withInEnv, secrets: [`app_db.${D1}`], secretStore: damaged(true) },
      steps: ["repair secret store"],
    },
    {
      name: "is filled again for what was made with it, before that is started",
      want: inEnv,
      have: { ...proved(inEnv), ...withInEnv, secrets: [] },
      steps: [`create secret app_db.${D1}`, "start app_web"],
    },
    {
      name: "is filled once with what two services have, of which one is made anew",
      want: bothInEnv,
      have: {
        images,
        networks: ["app_default"],
        host: withSecret(D1),
        containers: [container("web", bothInEnv, { state: "created", inputs: made(inEnv, withSecret(D1)).inputs })],
      },
      steps: [`create secret app_db.${D1}`, "start app_web", "create app_other", "start app_other"],
    },
    {
      name: "is filled again for what has it, though another secret of the service is gone since",
      want: inBoth,
      have: {
        ...proved(inBoth),
        host: withSecret(D1, { mounts: [ofBoth.folder] }),
        containers: [container("web", inBoth, { state: "created", inputs: ofBoth.inputs })],
      },
      steps: [`create secret app_db.${D1}`, "start app_web"],
    },
    {
      name: "that the agent may not repair blocks",
      want: inEnv,
      have: { images, host: withSecret(D1), secrets: [`app_db.${D1}`], secretStore: damaged(false) },
      steps: [],
      blocked: ["web SecretStoreDamaged"],
    },
    {
      name: "is repaired before a secret of what is removed can go from it, and after the container is gone",
      want: null,
      have: { ...withInEnv, secrets: [`app_db.${D1}`], secretStore: damaged(true) },
      steps: ["remove app_web", "repair secret store", `remove secret app_db.${D1}`],
    },
    { name: "is nothing to the others", want: web({}), have: { images, secrets: null }, steps: ["create app_web", "start app_web"] },
  ],
  "a label": [
    {
      name: "that is not set blocks",
      want: labelled,
      have: { images },
      steps: [],
      blocked: ["web LabelMissing"],
    },
    {
      name: "that changed makes the container anew",
      want: labelled,
      have: {
        images,
        device: { id: "pi-01", labels: { site: "b" }, bootId: "boot-1" },
        containers: [container("web", labelled, { inputs: made(labelled, host({}), { site: "a" }).inputs })],
      },
      steps: swap,
    },
  ],
  "a limit": [
    {
      name: "that could not be set is set when its controller is on",
      want: limited,
      have: { images, controllers: ["memory"], containers: [container("web", limited, { inputs: unlimited })] },
      steps: swap,
    },
    {
      name: "that is set keeps a container from starting when its controller is off: it is made anew without",
      want: limited,
      have: { images, containers: [container("web", limited, { state: "created" })] },
      steps: ["create app_web.next", "start app_web.next", "remove app_web", "rename app_web.next app_web"],
    },
    {
      name: "that is as it can be leaves alone what runs",
      want: limited,
      have: { ...proved(limited), containers: [container("web", limited, { inputs: unlimited })] },
      steps: [],
    },
  ],
  "a device": [
    { name: "that is not there blocks", want: serial, have: { images, host: device("absent") }, steps: [], blocked: ["web DeviceMissing"] },
    { name: "that is a file blocks", want: serial, have: { images, host: device("no-device") }, steps: [], blocked: ["web DeviceMissing"] },
    {
      name: "that is not for the agent's user blocks",
      want: serial,
      have: { images, host: host({ devices: { "/dev/serial/by-id/m": { kind: "denied", group: "dialout" } } }) },
      steps: [],
      blocked: ["web DeviceDenied"],
    },
    { name: "that is there does not", want: serial, have: { images, host: plugged(0) }, steps: ["create app_web", "start app_web"] },
    {
      name: "that is unplugged is reported, and what runs is left to run",
      want: serial,
      have: { host: device("absent"), containers: [container("web", serial)] },
      steps: [],
      blocked: ["web DeviceMissing"],
    },
    {
      name: "that is unplugged keeps what has ended from being started",
      want: serial,
      have: { host: device("absent"), containers: [container("web", serial, { state: "exited", exitCode: 1 })] },
      steps: [],
      blocked: ["web DeviceMissing"],
    },
    {
      name: "that was there before the container was started is no reason to do anything",
      want: serial,
      have: { ...proved(serial), host: plugged(NOW_MS - 3_600_500), containers: [container("web", serial)] },
      steps: [],
    },
    {
      name: "that has returned starts what runs again",
      want: serial,
      have: { host: plugged(NOW_MS - 5_000), containers: [container("web", serial)] },
      steps: ["journal: a device of it is back", "stop app_web 300s", "start app_web"],
    },
    {
      name: "from the future is not read",
      want: serial,
      have: { ...proved(serial), host: plugged(NOW_MS + 5_000), containers: [container("web", serial)] },
      steps: [],
    },
  ],
  "a host path": [
    { name: "that is not there blocks", want: shared, have: { images }, steps: [], blocked: ["web HostPathMissing"] },
    {
      name: "that is there does not",
      want: shared,
      have: { images, host: srv("/srv/a"), policy: open },
      steps: ["create app_web", "start app_web"],
    },
    {
      name: "that leads to what the policy does not allow blocks",
      want: shared,
      have: { images, host: srv("/etc"), policy: open },
      steps: [],
      blocked: ["web PolicyDenied"],
    },
    {
      name: "that leads to what the policy allows does not",
      want: shared,
      have: { images, host: srv("/srv/b"), policy: open },
      steps: ["create app_web", "start app_web"],
    },
  ],
});

test("what is blocked by the device is looked at again by itself", () => {
  expect(plan(desired(mounting), snapshot({ images, host: host({ secrets: { db: { kind: "absent" } } }) })).recheckAfterMs).toBe(10_000);
});

test("names and labels reveal nothing of a secret's length or text", () => {
  const { folder, inputs } = made(web({ env: { P: { secret: "db" } }, secrets: [{ name: "db" }] }), withSecret(D1));
  expect(folder).toMatch(/^app_web\.[0-9a-f]{20}$/);
  expect(JSON.parse(inputs)).toEqual({ mounts: folder, secrets: { P: `app_db.${D1}` } });
});
