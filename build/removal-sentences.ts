// The sentences of docs/removal.md, and the tests of each as docs/removal-tests.txt names them: a
// sentence on a line of its own, below it the tests, indented, as `file: name of the test`. A row
// of a table counts as a sentence. Pure.

export interface TestedSentence {
  readonly sentence: string;
  /** `file: name`. */
  readonly tests: readonly string[];
}

/** In the order of the document, without headings and heads of tables. */
export function sentencesOf(markdown: string): string[] {
  return markdown.split(/\n{2,}/).flatMap((block) => {
    if (block.startsWith("#")) return [];
    if (block.startsWith("|")) return block.trim().split("\n").slice(2).map(oneLine);
    return block.split(/\n(?=- |\d+\. )/).flatMap((item) => oneLine(item.replace(/^(?:- |\d+\. )/, "")).split(/(?<=[.:])\s+(?=[A-Z"`[])/));
  });
}

export function testedSentences(text: string): TestedSentence[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .reduce<TestedSentence[]>((all, line) => {
      const last = all.at(-1);
      if (!line.startsWith("  ")) return [...all, { sentence: line, tests: [] }];
      return last === undefined ? all : [...all.slice(0, -1), { ...last, tests: [...last.tests, line.trim()] }];
    }, []);
}

/** Whether a file of tests has one of this name: a test's own, or that of a row of `test.each`. */
export function hasTest(source: string, name: string): boolean {
  const quoted = JSON.stringify(name).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?:\btest\(|\)\(|\[|\bname:)\s*${quoted},`).test(source);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
