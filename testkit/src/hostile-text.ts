// What somebody may put into a text to have a terminal obey it, and what of it must never arrive.

/** Parts of hostile texts: escapes, links, returns, marks that turn the order of reading. */
export const HOSTILE_PARTS: readonly string[] = [
  "\u001b[2J",
  "\u001b]8;;https://evil.example\u0007",
  "\r",
  "\u009b31m",
  "\u202e",
  "\ud800",
  "\n",
  "a",
  "\u0000",
  "\u2028",
  "\u200f",
];

/** A terminal obeys one of these; lines of our own are fine. */
export const OBEYED: RegExp = /(?!\n)[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;
