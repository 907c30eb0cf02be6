// `iot find image` and `iot find commit`: which devices run this, as a table, JSON or CSV. Ends
// with 1 when none does.

import { visibleJson, visibleLines, visibleText } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { NATURAL } from "@iot/fleet";
import { renderTable, shownAge } from "@iot/report";
import { fleetAccess } from "../identity/who-asks.ts";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { findCommit, findImage, type Found, type FoundInFleet, readImageQuery } from "./find-in-fleet.ts";
import { readFleet } from "./read-fleet.ts";

const OPTIONS = {
  output: { type: "string", short: "o", value: "csv|json", about: "csv: for a spreadsheet, one row for each service of each device" },
  ...JSON_OPTION,
  ...NATS_OPTION,
} as const;

interface Chosen {
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
  readonly nats?: string | undefined;
}

export const findImageCommand = defineCommand({
  options: OPTIONS,
  operands: [1, 1],
  details:
    "A reference without a tag finds all its tags, and nginx is docker.io/library/nginx. A digest may be cut short. " +
    "What a device runs is what it reported last: one that is silent counts, and is marked.",
  run: async (chosen, [text = ""], at) => {
    const query = readImageQuery(text);
    if (query === null) {
      throw new UserError(
        `"${text}" is no image: write a reference, as nginx:1.29, or a digest, as sha256: and 8 or more letters`,
        EXIT.usage,
      );
    }
    return print(chosen, at, async () => findImage((await readFleet(await fleetAccess(chosen.nats, at), at.signal)).deployments, query));
  },
});

export const findCommitCommand = defineCommand({
  options: OPTIONS,
  operands: [1, 1],
  details: "The first 4 or more letters of a commit of a repository that an operator follows.",
  run: async (chosen, [commit = ""], at) => {
    if (!/^[0-9a-f]{4,64}$/.test(commit))
      throw new UserError(`"${commit}" is no commit: write 4 or more of its letters, 0-9 and a-f`, EXIT.usage);
    return print(chosen, at, async () => findCommit((await readFleet(await fleetAccess(chosen.nats, at), at.signal)).deployments, commit));
  },
});

async function print({ output, json }: Chosen, at: Surroundings, find: () => Promise<FoundInFleet>): Promise<number> {
  const form = json === true ? "json" : output;
  if (form !== undefined && form !== "csv" && form !== "json") throw new UserError("-o takes csv or json", EXIT.usage);
  const { found, unknown } = await find();
  const rows = found.toSorted((a, b) => NATURAL.compare(a.device, b.device) || NATURAL.compare(a.deployment, b.deployment));
  if (form === "json") at.write(visibleJson({ found: rows, unknown }, 2));
  else if (form === "csv") at.write(csv(rows));
  else at.write(rows.length === 0 ? "No device.\n" : visibleLines(table(rows)));
  if (unknown > 0)
    at.warn(`iot: of ${unknown} deployments that run it is not known what runs in them: their device had no room to say it\n`);
  return rows.length === 0 ? EXIT.failed : 0;
}

function table(rows: readonly Found[]): string {
  const cells = rows.map(({ device, deployment, service, image, digest, commit, runs, offline, lastSeenSeconds }) => [
    device,
    service === null ? deployment : `${deployment}/${service}`,
    image ?? "-",
    digest?.slice(0, 19) ?? "-",
    commit?.slice(0, 10) ?? "-",
    runs ? "yes" : "not yet",
    lastSeenSeconds === null ? "never" : `${shownAge(lastSeenSeconds)} ago${offline ? ", offline" : ""}`,
  ]);
  return `${renderTable(["DEVICE", "DEPLOYMENT", "IMAGE", "DIGEST", "COMMIT", "RUNS", "LAST SEEN"], cells).join("\n")}\n`;
}

const CSV_COLUMNS = ["device", "namespace", "deployment", "service", "image", "digest", "commit", "runs", "startedAt", "offline"] as const;

/** RFC 4180. A spreadsheet would calculate what begins as a formula, and a device may send any. */
function csv(rows: readonly Found[]): string {
  const cell = (value: string | boolean | null): string => {
    const text = visibleText(String(value ?? ""));
    return `"${(/^[=+@\-\t]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  return [CSV_COLUMNS.join(","), ...rows.map((row) => CSV_COLUMNS.map((column) => cell(row[column])).join(","))]
    .map((line) => `${line}\r\n`)
    .join("");
}
