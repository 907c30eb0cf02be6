import { describe, expect, test } from "vitest";
import { labelsOfDevice, matches, readSelector } from "./selector.ts";

const LABELS = { site: "plant-7", ring: "canary", "group.iot.nationtech.io/paint": "" };

test.each<[string, boolean]>([
  ["site=plant-7", true],
  ["site==plant-7,ring=canary", true],
  ["site=plant-7,ring=lab", false],
  ["ring!=lab", true],
  ["other!=lab", true],
  ["ring in (lab, canary)", true],
  ["ring notin (lab,canary),site", false],
  ["group.iot.nationtech.io/paint", true],
  ["!retired", true],
  ["!site", false],
  ["constructor", false],
  ["group.iot.nationtech.io/paint=", true],
])("%s", (text, expected) => {
  const read = readSelector(text);
  expect(read.ok && matches(read.selector, LABELS)).toBe(expected);
});

test.each([
  ["site=plant 7", "site=plant 7"],
  ["a=b,,c", ""],
  ["", ""],
  ["a in (b", "a in (b"],
  ["a>3", "a>3"],
])("%j cannot be read, and the part is named", (text, part) => {
  expect(readSelector(text)).toEqual({ ok: false, part });
});

describe("what can be matched of a device", () => {
  const inventory = {
    architecture: "arm64",
    facts: { model: "Raspberry Pi 5 Model B Rev 1.0", os: "Debian GNU/Linux 13 (trixie)", site: "x" },
  };

  test("is what people gave it, and its facts under their prefix", () => {
    expect(labelsOfDevice({ site: "plant-7" }, inventory)).toEqual({
      site: "plant-7",
      "facts.iot.nationtech.io/architecture": "arm64",
      "facts.iot.nationtech.io/model": "Raspberry-Pi-5-Model-B-Rev-1.0",
      "facts.iot.nationtech.io/os": "Debian-GNU-Linux-13-trixie",
    });
  });

  test("is no fact that a person wrote", () => {
    expect(labelsOfDevice({ "facts.iot.nationtech.io/model": "another" }, null)).toEqual({});
    expect(labelsOfDevice({ "facts.iot.nationtech.io/tpm": "2" }, inventory)).not.toHaveProperty(["facts.iot.nationtech.io/tpm"]);
  });
});
