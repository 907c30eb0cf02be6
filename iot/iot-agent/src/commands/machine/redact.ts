// Takes secrets out of what leaves the device in a support bundle. Secrets are the password of the
// configuration, what the files of its secrets folder hold, the value of each environment variable
// and option of a container that looks like one, and user and password in an address. Pure.

const SECRET_NAME = /pass(word|wd|phrase)?|secret|token|credential|auth|(^|_|-)key$|apikey|api_key|private/i;
/** Shorter ones would take half of every text with them. */
const SHORTEST = 4;
const SHOWN = "[redacted]";

export function looksSecret(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** `NAME=value` of an environment. */
export function secretsOfEnvironment(environment: readonly string[]): readonly string[] {
  return environment.flatMap((line) => {
    const at = line.indexOf("=");
    return at > 0 && looksSecret(line.slice(0, at)) ? [line.slice(at + 1)] : [];
  });
}

const SECRET_OPTION = /^--?([\w-]*(?:token|pass|secret)[\w-]*)(?:=(.*))?$/is;

/**
 * `--token VALUE` and `--token=VALUE` of a command line, also within one that a shell takes apart.
 */
export function secretsOfArguments(args: readonly string[]): readonly string[] {
  const found = [args, ...args.map((arg) => arg.split(/[\s"']+/))].flatMap((words) =>
    words.flatMap((word, index) => {
      const [, name = "", value = words[index + 1] ?? ""] = SECRET_OPTION.exec(word) ?? [];
      // The name of a file is no secret, nor is the next option.
      return name === "" || /-(file|path|dir)$/i.test(name) || value.startsWith("-") ? [] : [value];
    }),
  );
  return [...new Set(found)].filter((value) => value !== "");
}

/** Finds each secret as it stands within JSON, too, and each line of one that has several. */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .flatMap((secret) => [secret, secret.trim(), ...secret.split("\n").map((line) => line.trim())])
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret.toWellFormed())]);
  const longestFirst = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  return withoutUserInfo(longestFirst.reduce((rest, secret) => rest.replaceAll(secret, SHOWN), text));
}

export function withoutUserInfo(text: string): string {
  // A scheme is short: without a bound, a long word would be looked at from each of its letters.
  return text.replaceAll(/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/"']+@/gi, `$1${SHOWN}@`);
}
