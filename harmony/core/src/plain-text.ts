// Makes text from others fit for a terminal, a log and a condition: one line of visible text, of a
// bounded length. A device, a registry or a container may put anything into its text: sequences
// that rewrite a terminal, marks that turn the order of reading, half characters. Pure and total.

/**
 * Sequences that terminals obey: CSI (`ESC [ 31 m`), OSC (`ESC ] 8 ; … BEL`) and the other string
 * sequences, and two-character ones.
 */
const SEQUENCES =
  // oxlint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]P^_X]|[\u009d\u0090\u009e\u009f\u0098])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;
/** Line ends and tabs, which become spaces. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** JSON leaves these as they are, although nobody sees them. */
const HIDDEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
/** Control characters, marks of direction and invisible characters. */
// oxlint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
/** Sequences take room and are removed, so this many characters are read for one that is kept. */
const LOOKED_AT = 4;

/** The result has at most `characters`; a text that is cut ends in `…`. */
export function plainText(text: string, characters: number): string {
  const looked = text.length > characters * LOOKED_AT ? text.slice(0, characters * LOOKED_AT) : text;
  const plain = visibleText(looked);
  const isWhole = looked.length === text.length && plain.length <= characters;
  return isWhole ? plain : `${plain.slice(0, Math.max(0, characters - 1)).toWellFormed()}…`;
}

/** The same, of any length. */
export function visibleText(text: string): string {
  return text.replaceAll(SEQUENCES, "").replaceAll(BREAKS, " ").replaceAll(UNSEEN, "").toWellFormed();
}

/** Makes each line visible by itself. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleText).join("\n");
}

/**
 * Writes JSON for a person or a page: the same value, with hidden characters as `\u` and four
 * digits.
 */
export function visibleJson(value: unknown, indent = 0): string {
  return `${JSON.stringify(value, null, indent)}\n`.replaceAll(
    HIDDEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
