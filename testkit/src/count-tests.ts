// Adds up the vitest JSON reports given as arguments and prints `passed failed`. A file that failed
// outside of any test (an import, a hook) counts as one failure. So does a report that is not
// there, because the run that should have written it broke.

import { readFileSync } from "node:fs";
import * as z from "zod/mini";

const Report = z.object({
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  try {
    for (const file of Report.parse(JSON.parse(readFileSync(path, "utf8"))).testResults) {
      const failures = file.assertionResults.filter(({ status }) => status === "failed").length;
      passed += file.assertionResults.filter(({ status }) => status === "passed").length;
      failed += failures === 0 && file.status === "failed" ? 1 : failures;
    }
  } catch {
    failed += 1;
  }
}
process.stdout.write(`${passed} ${failed}\n`);
