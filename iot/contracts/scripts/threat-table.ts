// Makes docs/threats.md: what each word of a device can influence at most, and what was tried at the
// other borders.

import { type Influence, INVENTORY_INFLUENCE, STATUS_INFLUENCE } from "../src/influence.ts";

const BEGIN = `# What a device can influence by what it says

Made from \`iot/contracts/src/influence.ts\` by \`npm run generate\`. Tests compare the list with what the programs read.

A person who holds a device, or its credentials, may send anything as its status and its inventory. The server lets it write under its own name
alone. Each word is bounded and made plain where it is read ([ADR 25](adr/0025-bounds-on-what-others-say.md)). The tables say what a word can do
at most. None decides anything about another device: not what it runs, not what is removed from it, and not how it is counted. What one device
says of a Deployment is reported for the Deployment: it may be not ready because of one device that lies.
`;

interface Tried {
  readonly border: string;
  readonly inputs: string;
  readonly outcome: string;
  readonly test: string;
}

/** Borders that others than devices reach, too. */
const TRIED: readonly Tried[] = [
  {
    border: "a Score, against the device's policy",
    inputs: "globs with many stars, and paths of 4,000 characters",
    outcome: "bounded work; a regular expression held the agent up before",
    test: "harmony/podman/src/score/glob.test.ts",
  },
  {
    border: "a Score",
    inputs: "a million changed ones, at their limits",
    outcome: "refused in few words, or all holds",
    test: "`npm run fuzz`, harmony/podman/src/fuzz.test.ts",
  },
  {
    border: "a commit",
    inputs: "trees, paths, kinds of entries, pointers, encrypted and half files, YAML at its limits, trailers",
    outcome:
      "few plain words; what no longer gives a Deployment goes only where nothing stands in its place. A name of more than 1,024 characters was taken for a removal before, and one of more than 255 bytes, or gone files in thousands of folders, had the commit answered by an error of the machine",
    test: "`npm run fuzz`, iot/iot-operator/src/sources/git/fuzz.test.ts",
  },
  {
    border: "what git and a git server say",
    inputs: "credentials in every form, in every way to fail; servers that repeat what they are shown",
    outcome: "none is in a sentence or the log; a server that repeats a header had it there before",
    test: "iot/iot-operator/src/sources/git/git-program.test.ts, test/git-secrets.int.test.ts",
  },
  {
    border: "the operator's HTTP and `POST /hooks/git`",
    inputs: "other methods, other spellings, long and broken requests, a body of 5 MB",
    outcome: "refused; a hook reads no body and only asks for a reading",
    test: "iot/iot-operator/src/http/http.test.ts",
  },
  {
    border: "`iot.operator.<verb>`",
    inputs: "no JSON, more than 4 KiB, deep, of other types; words that terminals obey in the answer",
    outcome: "not answered, or plain; nothing is kept, confirmed or forgotten by an empty request",
    test: "iot/messaging/test/operator-requests.int.test.ts",
  },
  {
    border: "notices",
    inputs: "2,000 that another device has the server send",
    outcome: "none is followed, and the subscription ends for a minute",
    test: "iot/messaging/test/injected-answers.int.test.ts, notice-cost.int.test.ts",
  },
  {
    border: "the API server",
    inputs: "a wrong token, authority and address from the start; a watch that is mute",
    outcome: "named within 15 s, also before it is known which source it is",
    test: "iot/iot-operator/test/kubernetes-seen.int.test.ts",
  },
  {
    border: "NATS",
    inputs: "buckets that are full, a document that is too large, a stream without limits",
    outcome: "named with the cure, forgotten when it is cured, and no other device waits",
    test: "iot/iot-operator/test/full-store.int.test.ts, iot/messaging/test/records.int.test.ts",
  },
  {
    border: "config.toml",
    inputs: "control characters in keys and folders, a thousand unknown keys, lists without end, a port that is none",
    outcome: "one plain line; unknown keys are told in 21 lines at most",
    test: "iot/iot-agent/src/config/config.test.ts",
  },
  {
    border: "the agent's socket",
    inputs: "a release while the disk takes nothing, a hold meanwhile",
    outcome: "a person is told what holds after a restart; nothing is shown that is not on disk",
    test: "iot/iot-agent/src/reconcile/holds.test.ts, src/status/history.test.ts",
  },
];

function bordersTried(): readonly string[] {
  const rows = TRIED.map(({ border, inputs, outcome, test }) => `| ${border} | ${inputs} | ${outcome} | ${test} |`);
  return [
    "## Other borders, and what was tried at each",
    "",
    "| border | inputs | what comes of it | shown by |",
    "|---|---|---|---|",
    ...rows,
    "",
  ];
}

export function threatTable(): string {
  return [
    BEGIN,
    ...tableOf("Status", STATUS_INFLUENCE),
    ...tableOf("Inventory", INVENTORY_INFLUENCE),
    "No central program reads an inventory yet. What a device can cost another by notices stands in [ADR 37](adr/0037-notices-are-cheap.md).",
    "",
    ...bordersTried(),
  ].join("\n");
}

function tableOf(title: string, fields: Readonly<Record<string, Influence>>): readonly string[] {
  const rows = Object.entries(fields).map(
    ([field, { operator, iot }]) => `| \`${field}\` | ${operator ?? "nothing"} | ${iot ?? "nothing"} |`,
  );
  return [`## ${title}`, "", "| field | the operator | `iot` |", "|---|---|---|", ...rows, ""];
}
