// A sentence of the parser repeats what stands in the file, which may be a name of any length.

const CHARACTERS = 1_000;

/** At most 1,000 characters; a text that is cut ends in `…`. Its lines stay lines. */
export function shortened(text: string): string {
  return text.length <= CHARACTERS ? text : `${text.slice(0, CHARACTERS - 1).toWellFormed()}…`;
}
