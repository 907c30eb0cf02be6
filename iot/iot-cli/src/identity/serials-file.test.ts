import { expect, test } from "vitest";
import { parseSerials } from "./serials-file.ts";

test("a table with labels, in any order of its columns; an empty value is no label", () => {
  expect(parseSerials("\uFEFFid,site,serial\r\npi-1,north,10000000aaaa0001\r\n\r\npi-2,,10000000aaaa0002\r\n")).toEqual({
    rows: [
      { serial: "10000000aaaa0001", device: "pi-1", labels: { site: "north" } },
      { serial: "10000000aaaa0002", device: "pi-2" },
    ],
  });
  expect(parseSerials("serial;id\n0001;pi-1\n")).toEqual({ rows: [{ serial: "0001", device: "pi-1" }] });
});

test.each([
  ["", "1: the first line names the columns"],
  ["number,name\n1,2\n", "1: the first line names the columns"],
  ["serial,id\n0001\n", "2: it has 1 values"],
  ["serial,id\n\n0001,12345\n", "3: device: "],
  ["serial,id\n0001,PI\n", "2: device: "],
  ["serial,id\n1,pi-1\n", "2: serial: "],
  ['serial,id\n"0001",pi-1\n', "2: it has a quotation mark"],
  ["serial,id,Site Name\n0001,pi-1,x\n", "2: labels"],
])("%j is refused with its line", (text, problem) => {
  expect(parseSerials(text)).toEqual({ problem: expect.stringContaining(problem) as unknown });
});
