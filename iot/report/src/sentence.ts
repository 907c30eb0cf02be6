import { clausesOf } from "@harmony/core";
import { wrap } from "./wrap.ts";

/**
 * Wraps a sentence that says how something is. One of three clauses or more has what to do, and
 * what goes on meanwhile, on lines of their own. `around` stands before it and after what is so.
 */
export function wrapSentence(
  sentence: string,
  width: number,
  indent: string,
  { head = "", tail = "" }: { readonly head?: string; readonly tail?: string } = {},
): string[] {
  const { what, todo, meanwhile, count } = clausesOf(sentence);
  if (count < 3 || todo === null) return wrap(`${head}${sentence}${tail}`, width, indent);
  return [
    ...wrap(`${head}${what}${tail}`, width, indent),
    ...wrap(`Do: ${todo}`, width, indent),
    ...(meanwhile === null ? [] : wrap(`Meanwhile: ${meanwhile}`, width, indent)),
  ];
}
