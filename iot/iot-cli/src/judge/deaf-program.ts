// Programs that do not hear SIGTERM as process 1, for which Linux has no default: a shell, sleep,
// tail. Pure.

const SHELLS = new Set(["sh", "ash", "bash", "dash", "zsh", "ksh"]);
const DEAF = new Set(["sleep", "tail", "cat"]);

/** How a person would call it; null: it may well hear. */
export function deafProgram(words: readonly string[]): string | null {
  const [first = "", ...rest] = words;
  const program = first.slice(first.lastIndexOf("/") + 1);
  if (program === "busybox" || program === "env") return deafProgram(rest.filter((word) => !word.includes("=")));
  if (DEAF.has(program)) return program;
  if (!SHELLS.has(program)) return null;
  const at = rest.findIndex((word) => /^-[a-z]*c$/.test(word));
  const script = at < 0 ? "" : (rest[at + 1] ?? "");
  return isHeard(script) ? null : `a shell (${program})`;
}

/** It waits for signals itself, or gives its place to its last command. */
function isHeard(script: string): boolean {
  const last = script.split(/[;&|\n]+/).findLast((part) => part.trim() !== "") ?? "";
  return /\btrap\b/.test(script) || /^\s*exec\s/.test(last);
}
