// Why a file that a person named cannot be read, in plain words. Pure.

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "there is no such file or folder",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

export function whyNotRead(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return WORDS[code] ?? (cause instanceof Error ? cause.message : String(cause));
}
