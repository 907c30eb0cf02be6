// Writes the fixture anew. To do so means that an agent which is downgraded cannot read its files.

import { writeFile } from "node:fs/promises";
import { FIXTURE, whatIsWritten } from "./what-is-written.ts";

await writeFile(FIXTURE, `${JSON.stringify(await whatIsWritten(), null, 2)}\n`);
