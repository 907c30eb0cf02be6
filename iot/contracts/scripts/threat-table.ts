// Makes docs/threats.md: what each word of a device can influence at most.

import { type Influence, INVENTORY_INFLUENCE, STATUS_INFLUENCE } from "../src/influence.ts";

const BEGIN = `# What a device can influence by what it says

Made from \`iot/contracts/src/influence.ts\` by \`npm run generate\`. Tests compare the list with what the programs read.

A person who holds a device, or its credentials, may send anything as its status and its inventory. The server lets it write under its own name
alone. Each word is bounded and made plain where it is read ([ADR 25](adr/0025-bounds-on-what-others-say.md)). The tables say what a word can do
at most. None decides anything about another device: not what it runs, not what is removed from it, and not how it is counted. What one device
says of a Deployment is reported for the Deployment: it may be not ready because of one device that lies.
`;

export function threatTable(): string {
  return [
    BEGIN,
    ...tableOf("Status", STATUS_INFLUENCE),
    ...tableOf("Inventory", INVENTORY_INFLUENCE),
    "No central program reads an inventory yet. What a device can cost another by notices stands in [ADR 37](adr/0037-notices-are-cheap.md).",
    "",
  ].join("\n");
}

function tableOf(title: string, fields: Readonly<Record<string, Influence>>): readonly string[] {
  const rows = Object.entries(fields).map(
    ([field, { operator, iot }]) => `| \`${field}\` | ${operator ?? "nothing"} | ${iot ?? "nothing"} |`,
  );
  return [`## ${title}`, "", "| field | the operator | `iot` |", "|---|---|---|", ...rows, ""];
}
