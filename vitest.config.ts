// The kinds of tests, one vitest project each: units beside the source, adapters against real
// servers, journeys through the whole with a device, what such a journey spends waiting, and the
// journey with Argo CD. Time-outs are wide because the servers are real and a build machine may be
// slow; nothing is tried again, a test that fails has failed. Two files of servers and three
// journeys run at once, whatever the number of cores: most of their time is waiting for servers,
// devices and trials. Some files of servers hold the operator to seconds.

import { defineConfig } from "vitest/config";

const districts = "{harmony,iot,testkit,field,bench}";
const serverTimeouts = { testTimeout: 120_000, hookTimeout: 600_000, retry: 0 };

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      { test: { name: "unit", include: [`${districts}/**/src/**/*.test.ts`, "build/**/*.test.ts"], testTimeout: 120_000, retry: 0 } },
      { test: { name: "servers", include: [`${districts}/**/test/*.int.test.ts`], ...serverTimeouts, maxWorkers: 2 } },
      { test: { name: "e2e", include: ["e2e/src/*.test.ts"], ...serverTimeouts, testTimeout: 300_000, maxWorkers: 3 } },
      { test: { name: "outage", include: ["e2e/outage/*.test.ts"], ...serverTimeouts, fileParallelism: false } },
      { test: { name: "argocd", include: ["e2e/argocd/*.test.ts"], ...serverTimeouts, testTimeout: 600_000, fileParallelism: false } },
    ],
  },
});
