// What the linter holds: no promise left alone, no `any`, no cycle, and the directions of imports
// that docs/architecture.md draws, as two tables: between packages, and between the rooms of a
// package. Layout is the formatter's, unused exports and dependencies that a package does not
// declare are knip's, types are tsc's, circles of rooms are build/import-circles.ts'.

import { relative } from "node:path";
import { defineConfig } from "oxlint";

const ALL = ["@harmony/*", "@iot/*"];
const BELOW_APPS = ["@harmony/core", "@harmony/schema", "@harmony/runtime"];
/** What a Score is made of is the device's to know: no central program parses `score.data`. */
const VARIANTS = ["@harmony/podman", "@harmony/host"];
const PLATFORM = ["@iot/contracts", "@iot/messaging", "@harmony/kube-api", "@iot/workload-files", "@iot/report", "@iot/fleet"];

/** Which of our packages the sources of a folder may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "harmony/core": [],
  "harmony/schema": ["@harmony/core"],
  "harmony/runtime": ["@harmony/core"],
  "harmony/podman": ["@harmony/core", "@harmony/schema", "@harmony/runtime"],
  "harmony/kube-api": ["@harmony/core", "@harmony/schema", "@harmony/runtime"],
  "harmony/host": ["@harmony/core", "@harmony/schema", "@harmony/runtime"],
  "iot/contracts": ["@harmony/core", "@harmony/schema"],
  "iot/report": ["@harmony/core", "@iot/contracts"],
  "iot/fleet": ["@harmony/core", "@harmony/schema", "@iot/contracts", "@iot/report"],
  "iot/workload-files": ["@harmony/core", "@harmony/schema", "@iot/contracts"],
  "iot/messaging": ["@harmony/core", "@harmony/schema", "@harmony/runtime", "@iot/contracts"],
  "iot/identity": ["@harmony/schema", "@harmony/runtime"],
  "iot/iot-callout": [...BELOW_APPS, "@iot/contracts", "@iot/messaging", "@iot/identity"],
  "iot/iot-enrolment": [...BELOW_APPS, "@iot/contracts", "@iot/messaging", "@iot/identity"],
  "iot/iot-operator": [...BELOW_APPS, "@harmony/kube-api", ...PLATFORM],
  "iot/iot-agent": [...BELOW_APPS, ...VARIANTS, ...PLATFORM, "@iot/identity"],
  "iot/iot-cli": [...BELOW_APPS, ...VARIANTS, ...PLATFORM, "@iot/identity"],
  testkit: [],
};

/**
 * Which rooms (folders of a package's sources) the files of a room may import; those of no room,
 * which wire the others, may import all. A package that is not here has one room, or rooms that
 * need no such order.
 */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "harmony/podman": {
    score: [],
    model: ["score"],
    words: ["model", "score"],
    libpod: ["model"],
    store: ["model", "score"],
    device: ["libpod", "store", "model", "score"],
    images: ["libpod", "device", "store", "model", "score"],
    observe: ["images", "libpod", "device", "store", "model", "score"],
    plan: ["model", "score"],
    apply: ["words", "images", "libpod", "device", "store", "model", "score"],
    report: ["words", "model", "score"],
    ask: ["libpod", "model", "score"],
  },
  "harmony/host": {
    score: [],
    model: ["score"],
    ssh: [],
    observe: ["model", "score"],
    plan: ["model", "score"],
    apply: ["model", "score", "ssh"],
    report: ["model", "score"],
  },
  "iot/iot-agent": {
    config: [],
    device: [],
    systemd: [],
    openbao: [],
    identity: ["config", "device", "systemd", "openbao"],
    desired: ["systemd"],
    reconcile: ["desired", "systemd"],
    status: ["desired", "reconcile", "systemd"],
    local: ["config", "openbao", "desired", "reconcile", "status"],
    asking: ["config", "desired", "reconcile", "status", "local"],
    "commands/machine": [],
    "commands/agent": ["commands/machine"],
    "commands/doctor": ["config", "identity", "commands/machine"],
    commands: ["config", "device", "identity", "desired", "status", "commands/agent", "commands/machine", "commands/doctor"],
  },
  "iot/iot-cli": {
    "command-line": [],
    judge: [],
    identity: ["command-line"],
    compose: ["judge"],
    fleet: ["command-line", "identity"],
    asking: ["command-line", "identity"],
    workloads: ["command-line", "compose", "fleet", "judge"],
    host: ["command-line"],
  },
  "iot/iot-enrolment": {
    plan: [],
    records: ["plan"],
    http: ["plan"],
    issuer: [],
    openbao: ["plan", "records", "cut-off"],
    zitadel: ["plan", "records"],
    "cut-off": [],
  },
  "iot/iot-operator": {
    config: [],
    sources: [],
    "sources/git": ["sources", "config"],
    "sources/kubernetes": ["sources"],
    "plan/removals": ["sources"],
    plan: ["plan/removals", "sources"],
    record: ["plan", "plan/removals", "sources"],
    apply: ["plan", "plan/removals", "sources"],
    http: [],
    report: ["plan", "plan/removals", "sources"],
    devices: ["sources"],
  },
};

/**
 * Functions that are longer than a screen: adapters that give an object of closures over one
 * connection, and tables. Each part of them is short.
 */
const LONGER_THAN_A_SCREEN = [
  "harmony/kube-api/src/connection.ts",
  "harmony/kube-api/src/list-and-watch.ts",
  "harmony/podman/src/device/host-view.ts",
  "harmony/podman/src/libpod/podman.ts",
  "iot/iot-operator/src/sources/git/git-source.ts",
  "iot/iot-operator/src/sources/git/repository.ts",
  "iot/iot-operator/src/sources/kubernetes/kubernetes-source.ts",
  "iot/messaging/src/buckets/bucket-settings.ts",
  "iot/messaging/src/stores/device-reader.ts",
  "iot/workload-files/src/kubectl-differences.ts",
];

const TESTS = ["**/*.test.ts", "**/test/**"];

const noPathIntoPackage = {
  regex: "^\\.\\..*/(harmony|iot|testkit|e2e|bench)/",
  message: "Import another package by its name, through its index.ts.",
};

function restrict(folder: string, room: string | null): ["error", object] {
  const allowed = MAY_IMPORT[folder] ?? [];
  const packages = `${folder} may import of ours only: ${allowed.join(", ") || "nothing"}.`;
  const patterns = [noPathIntoPackage, { group: [...ALL, ...allowed.map((name) => `!${name}`)], message: packages }];
  if (room === null) return ["error", { patterns }];
  const rooms = ROOMS[folder] ?? {};
  const reachable = rooms[room] ?? [];
  const message = `The room ${room} of ${folder} may import only: ${reachable.join(", ") || "nothing"}.`;
  const closed = ["", ...Object.keys(rooms)].filter((other) => other !== room && !reachable.includes(other));
  const filesOf = (other: string): string => `^${relative(room, other).replaceAll(".", "\\.")}/[^/]+\\.ts$`;
  return ["error", { patterns: [...patterns, { regex: closed.map(filesOf).join("|"), message }] }];
}

export default defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  options: { typeAware: true },
  ignorePatterns: ["**/dist/**", "**/generated/**", "testkit/real-parts/**"],
  rules: {
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/only-throw-error": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/consistent-type-imports": "error",
    "eslint/eqeqeq": "error",
    "eslint/no-console": "error",
    "eslint/max-lines": ["error", { max: 400 }],
    // zod/mini's own names begin with a dash below.
    "eslint/no-underscore-dangle": "off",
    // These three object to what is clear as it stands: control characters named to be refused, a
    // name that is short in a short scope, a function beside the only place that calls it.
    "eslint/no-control-regex": "off",
    "eslint/no-shadow": "off",
    "unicorn/consistent-function-scoping": "off",
    // JSON Schema has a keyword `then`.
    "unicorn/no-thenable": "off",
    "import/no-named-as-default-member": "off",
    "eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
    // Objects here are closures: no method of ours has a `this` to lose.
    "typescript/unbound-method": "off",
    // tsc's noImplicitReturns knows exhaustive switches; this rule does not.
    "typescript/consistent-return": "off",
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
  },
  overrides: [
    ...Object.keys(MAY_IMPORT).flatMap((folder) => [
      { files: [`${folder}/src/**/*.ts`], excludeFiles: TESTS, rules: { "no-restricted-imports": restrict(folder, null) } },
      ...Object.keys(ROOMS[folder] ?? {}).map((room) => ({
        files: [`${folder}/src/${room}/*.ts`],
        excludeFiles: TESTS,
        rules: { "no-restricted-imports": restrict(folder, room) },
      })),
    ]),
    {
      files: ["{harmony,iot}/*/src/**/*.ts"],
      excludeFiles: [...TESTS, ...LONGER_THAN_A_SCREEN],
      rules: { "eslint/max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }] },
    },
    {
      files: TESTS,
      rules: {
        "no-restricted-imports": [
          "error",
          {
            patterns: [noPathIntoPackage],
            paths: [
              { name: "node:timers/promises", message: "A test does not sleep: eventually(probe) of @iot/testkit looks until it is so." },
              { name: "vitest", importNames: ["vi"], message: "Nothing is mocked here: start the real thing with @iot/testkit." },
            ],
          },
        ],
        "eslint/no-restricted-globals": [
          "error",
          { name: "setTimeout", message: "A test does not sleep: eventually(probe) of @iot/testkit." },
        ],
        // A function that asserts is called expect…; waiting until something is so asserts it, too.
        "vitest/expect-expect": ["error", { assertFunctionNames: ["expect", "expect*", "expectTypeOf", "eventually", "fc.assert"] }],
        "vitest/no-conditional-expect": "off",
        "vitest/no-standalone-expect": "off",
        "vitest/no-disabled-tests": "error",
        "vitest/no-focused-tests": "error",
      },
    },
    { files: ["**/scripts/**"], rules: { "eslint/no-console": "off" } },
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
