import { expect, test } from "vitest";
import { renderExplained } from "./explained.ts";
import { renderTable } from "./table.ts";
import { wrap } from "./wrap.ts";

const rude = "a\u001b[2Jb\r\n\u202e\u009b31mc\u001b]0;title\u0007";
const service = { name: rude, phase: "Failed", image: rude, health: rude } as const;

// Everything that a person reads on a terminal comes through one of these, whoever wrote it.
test.each([
  ["a sentence", wrap(rude, 80, "  ").join("\n")],
  ["a table", renderTable(["TITLE"], [[rude]]).join("\n")],
  [
    "an explanation",
    renderExplained(
      {
        deployment: "hello",
        device: "pi-1",
        phase: "Failed",
        message: rude,
        since: rude,
        sinceSeconds: 1,
        desiredRevision: 1,
        runningRevision: 1,
        services: [service],
        facts: [["source", rude]],
        sections: [["observed", [rude]]],
      },
      80,
    ),
  ],
])("%s has nothing that a terminal obeys", (_what, text) => {
  expect(text).toContain("ab c");
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
});
