// What is wrong with a text that is no YAML, in words for people who do not know the parser's.

import type { YAMLError } from "yaml";

const PLAIN: readonly (readonly [code: YAMLError["code"], says: RegExp, plain: string])[] = [
  ["TAB_AS_INDENT", /./, "Tabs cannot indent a line: put spaces in their place"],
  [
    "BAD_INDENT",
    /end with a (.)$/,
    "the bracket that $1 closes is still open, or a line within it is not indented: close it, or indent the line",
  ],
  ["BAD_INDENT", /./, "the line is not indented as those beside it: give it as many spaces as they have"],
  [
    "BLOCK_AS_IMPLICIT_KEY",
    /./,
    'a value with a second ": " in it, or followed by a line that is indented further: put the value in quotes, or indent the line as those beside it',
  ],
  ["MULTILINE_IMPLICIT_KEY", /./, 'a line without ": " after its name, or a text that goes on without quotes: write name: value'],
  ["MISSING_CHAR", /^Missing closing (.)quote/, "a text in quotes is not closed: put a $1 at its end"],
  ["BAD_SCALAR_START", /character (.)$/, "a value cannot begin with $1: put it in quotes"],
];

/** Without a full stop. */
export function syntaxWords({ code, message }: Pick<YAMLError, "code" | "message">): string {
  const [sentence = ""] = message.trim().split(/ at line |\n/);
  const text = sentence.replace(/[.:]$/, "");
  const found = PLAIN.find(([of, says]) => of === code && says.test(text));
  if (found === undefined) return text;
  const [, says, plain] = found;
  return plain.replace("$1", says.exec(text)?.[1] ?? "");
}
