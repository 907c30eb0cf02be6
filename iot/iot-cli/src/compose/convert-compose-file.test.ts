// A Compose file with what lies beside it.

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { convertComposeFile } from "./convert-compose-file.ts";
import { listOf, mapOf } from "./notes.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "iot-convert-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function convert(files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    if (path.endsWith(".sh")) await chmod(join(folder, path), 0o755);
  }
  const { text, notes } = await convertComposeFile(join(folder, "compose.yaml"), "pi-1");
  const deployment = mapOf(parse(text));
  const services = listOf(mapOf(mapOf(mapOf(deployment["spec"])["score"])["data"])["services"]).map(mapOf);
  return { name: mapOf(deployment["metadata"])["name"], text, services, notes: notes.map(({ path, message }) => `${path}: ${message}`) };
}

test("`.env` gives the variables their values, and nothing that is secret", async () => {
  const { name, text, services, notes } = await convert({
    "compose.yaml": `services:
  db:
    image: postgres:\${PG}
    restart: always
    environment: { POSTGRES_PASSWORD: "\${DB_PASSWORD}", POSTGRES_USER: "\${DB_USER:-nobody}", URL: "x://u:\${DB_PASSWORD}@h.example" }
`,
    ".env": "PG=16\nDB_PASSWORD=hunter2\nDB_USER=plant\nCOMPOSE_PROJECT_NAME=line-4\n",
  });
  expect(name).toBe("line-4");
  expect(services[0]).toMatchObject({
    image: "docker.io/library/postgres:16",
    env: { POSTGRES_PASSWORD: { secret: "DB_PASSWORD" }, POSTGRES_USER: "plant", URL: "x://u:DB_PASSWORD@h.example" },
  });
  expect(text + notes.join("\n")).not.toContain("hunter2");
  expect(notes).toContainEqual(
    "services.db.environment.POSTGRES_PASSWORD: DB_PASSWORD is a secret by its name, so its value is not written here: put it on each device as /etc/iot-agent/secrets/DB_PASSWORD",
  );
});

test("`env_file` is read, and environment goes before it", async () => {
  const { services, notes } = await convert({
    "compose.yaml": `services:
  app:
    image: a/b
    restart: always
    env_file: [common.env, { path: own.env }, { path: none.env, required: false }]
    environment: { LEVEL: "3" }
`,
    "common.env": "LEVEL=1\nSITE=north\nAPI_KEY=abc\nSHELL_ONLY\n",
    "own.env": "SITE='south # 2'\n",
  });
  expect(services[0]?.["env"]).toEqual({ LEVEL: "3", SITE: "south # 2", API_KEY: { secret: "API_KEY" } });
  expect(notes).toEqual([
    "services.app.env_file[0]: SHELL_ONLY of common.env has no value, which Compose takes from the shell: write it into env",
    "services.app.env_file[0]: API_KEY of common.env is a secret by its name, so its value is not written here: put it on each device as /etc/iot-agent/secrets/API_KEY",
    "services.app.env_file[0]: the variables of common.env stand in env now: change them here from now on",
    "services.app.env_file[1]: the variables of own.env stand in env now: change them here from now on",
    "services.app.env_file[2]: none.env is not there: write its variables into env if you have them",
  ]);
});

test("a folder of the desk is in the image that is built; a switch is no secret; a note is said once", async () => {
  const { services, notes } = await convert({
    "compose.yaml": `services:
  web: { build: ., restart: always, env_file: x.env, volumes: ["./src:/src", "./data:/data", "shared:/a"] }
  job: { image: a/b, restart: always, volumes: [".:/work", "shared:/a"] }
volumes: { shared: { name: other } }
`,
    "src/main.js": "1\n",
    "x.env": "SECURITY_SECRET_STORE=false\nUSE_TOKEN=true\nTOKEN=abc\n",
  });
  expect(services[0]).toMatchObject({
    volumes: ["data:/data", "shared:/a"],
    env: { SECURITY_SECRET_STORE: "false", USE_TOKEN: "true", TOKEN: { secret: "TOKEN" } },
  });
  expect(services[1]?.["volumes"]).toEqual(["shared:/a"]);
  expect(notes.filter((note) => note.includes("of the desk"))).toEqual([
    "services.web.volumes[0]: ./src is a folder of the desk, which no device has: put what the service needs of it into its image",
    "services.job.volumes[0]: . is a folder of the desk, which no device has: put what the service needs of it into its image",
  ]);
  expect(notes.filter((note) => note.startsWith("volumes.shared"))).toHaveLength(1);
});

test("folders for data are volumes, one for all that mount it; folders of settings are files", async () => {
  const { services, notes } = await convert({
    "compose.yaml": `services:
  a: { image: a/b, restart: always, volumes: ["./data:/data", "./conf:/etc/app:ro", "./run.sh:/run.sh:ro"] }
  b: { image: a/b, restart: always, volumes: ["./data/:/other", "./a-b:/x", "./a/b:/y", "\${PWD}/new:/new"] }
volumes: { a-b: }
`,
    "data/store.db": "x\u0000",
    "conf/app.conf": "a = 1\n",
    "conf/sub/more.conf": "b = 2\n",
    "run.sh": "#!/bin/sh\n",
  });
  expect(services[0]).toMatchObject({
    volumes: ["data:/data"],
    files: [
      { path: "/etc/app/app.conf", content: "a = 1\n" },
      { path: "/etc/app/sub/more.conf", content: "b = 2\n" },
      { path: "/run.sh", content: "#!/bin/sh\n", mode: "0555" },
    ],
  });
  expect(services[1]?.["volumes"]).toEqual(["data:/other", "a-b-folder:/x", "a-b-2:/y", "new:/new"]);
  expect(notes[1]).toBe(
    "services.a.volumes[0]: ./data is a folder beside this file, where no device has it: it has become the volume data, which begins empty; copy what is in ./data into it (iot-agent podman volume import)",
  );
});
