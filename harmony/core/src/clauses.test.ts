import * as fc from "fast-check";
import { expect, test } from "vitest";
import { clausesOf } from "./clauses.ts";

test.each<[string, string, string | null, string | null]>([
  ["running nginx:1", "running nginx:1", null, null],
  ['port 80 is used by "web": give one of them another port', 'port 80 is used by "web"', "give one of them another port", null],
  [
    "registry r of image i cannot be reached (dial: timeout): it is tried again; check the registry",
    "registry r of image i cannot be reached (dial: timeout)",
    "check the registry",
    "it is tried again",
  ],
  [
    "image i does not exist: correct the image, or push it; nginx:1 keeps running",
    "image i does not exist",
    "correct the image, or push it",
    "nginx:1 keeps running",
  ],
  [
    "device /dev/ttyUSB0 is not there: plug it in; the service starts when it is",
    "device /dev/ttyUSB0 is not there",
    "plug it in; the service starts when it is",
    null,
  ],
  [
    'service "a: b; c" is paused: `iot-agent podman unpause a` lets it go on',
    'service "a: b; c" is paused',
    "`iot-agent podman unpause a` lets it go on",
    null,
  ],
  ["see the log", "see the log", null, null],
])("%s", (sentence, what, todo, meanwhile) => {
  expect(clausesOf(sentence)).toMatchObject({ what, todo, meanwhile });
});

test("no word of a sentence is lost, whatever it says", () => {
  const word = fc.constantFrom("it", ": ", "; ", "`", '"', "(", ")", "see x", "it is tried again", " ", "a");
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const sentence = words.join("");
      const { what, todo, meanwhile } = clausesOf(sentence);
      const letters = (text: string): string => text.replaceAll(/[:;] /g, "").split("").toSorted().join("");
      expect(letters(`${what}${todo ?? ""}${meanwhile ?? ""}`)).toBe(letters(sentence));
    }),
  );
});
