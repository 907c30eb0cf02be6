// Writes the fixture anew. A new fixture means that every container of every device is made anew on
// an upgrade, or that a downgraded agent cannot read its files.

import { writeFile } from "node:fs/promises";
import { FIXTURE, whatIsWritten } from "./what-is-written.ts";

await writeFile(FIXTURE, `${JSON.stringify(await whatIsWritten(), null, 2)}\n`);
