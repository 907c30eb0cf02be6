// The clauses of a sentence that says what is wrong: what is so, what to do about it, and what goes
// on meanwhile. They are told apart by how they begin, so that sentences of every version can be
// set out. Pure and total.

export interface Clauses {
  readonly what: string;
  /** Null: the sentence has none. */
  readonly todo: string | null;
  readonly meanwhile: string | null;
  readonly count: number;
}

const VERBS =
  "add|adopt|ask|begin|build|call|change|check|choose|clear|connect|correct|create|delete|end|fetch|find|free|give|grant|have|install|join|let|" +
  "load|log|look|make|mount|move|name|plug|point|push|put|raise|read|reboot|remove|rename|renew|repair|replace|restart|run|say|see|set|" +
  "shorten|split|start|stop|switch|synchronise|take|turn|type|update|upgrade|use|wait|write";
/** A command in backticks, a line for a file, a verb, or the word that there is nothing to do. */
const INSTRUCTION = new RegExp(
  `^(?:or |then |and |if [^,]+, |to [^,]+, )?(?:\`|sudo |(?:${VERBS})\\b|the lines? \`|nothing has to be done)`,
  "i",
);
const MEANWHILE =
  /\bkeeps? running\b|^(?:it|the service) is (?:tried|asked|started|read|taken|made) again|^it is taken\b|^they are made again|^what runs stays|^nothing is changed|^reading again/;

export function clausesOf(sentence: string): Clauses {
  const parts = partsOf(sentence);
  const [what, todo, meanwhile]: [string[], string[], string[]] = [[], [], []];
  for (const part of parts) {
    if (MEANWHILE.test(part.text) && what.length > 0) meanwhile.push(part.text);
    else if (todo.length > 0 || (what.length > 0 && INSTRUCTION.test(part.text)))
      todo.push(todo.length === 0 ? part.text : part.join + part.text);
    else what.push(what.length === 0 ? part.text : part.join + part.text);
  }
  const textOf = (texts: readonly string[], join: string): string | null => (texts.length === 0 ? null : texts.join(join));
  return { what: what.join(""), todo: textOf(todo, ""), meanwhile: textOf(meanwhile, "; "), count: parts.length };
}

/** Split at `: ` and `; `, but not in what is quoted, bracketed or to be typed. */
function partsOf(sentence: string): { readonly join: string; readonly text: string }[] {
  const parts: { join: string; text: string }[] = [{ join: "", text: "" }];
  // A quote that is never closed is a letter like others.
  for (const piece of sentence.match(/`[^`]*`|"[^"]*"|\([^()]*\)|[:;] |[^]/g) ?? []) {
    if (piece === ": " || piece === "; ") parts.push({ join: piece, text: "" });
    else {
      const last = parts.at(-1);
      if (last !== undefined) last.text += piece;
    }
  }
  return parts;
}
