// The completion of bash for `iot`, made from the table of commands. Pure.

import type { Command, LoadedCommand } from "./command.ts";

export type Described = readonly (readonly [Command, LoadedCommand])[];

/** What may stand after the words before it; else a file. */
export function bashCompletion(commands: Described): string {
  const firsts = new Set(commands.map(([{ name }]) => name.split(" ")[0] ?? ""));
  const seconds = [...firsts].flatMap((first) => {
    const below = commands.flatMap(([{ name }]) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
    return below.length === 0 ? [] : [{ after: `${first} `, words: below }];
  });
  const cases: readonly { readonly after: string; readonly words: readonly string[]; readonly isOfDevices?: boolean }[] = [
    { after: "", words: [...firsts, "--help", "--version", "--manual", "--completion"] },
    ...seconds,
    ...commands.map(([{ name, operands }, { options }]) => ({
      after: `${name} *`,
      words: [...Object.keys(options).map((option) => `--${option}`), "--help"],
      isOfDevices: /\bdevice\b/.test(operands),
    })),
  ];
  return `# shellcheck shell=bash
# bash completion for iot(1)

_iot() {
  local word=\${COMP_WORDS[COMP_CWORD]} words='' asks=''
  case "\${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases.map(({ after, words, isOfDevices = false }) => `    ${patternOf(after)}) words='${words.join(" ")}'${isOfDevices ? " asks=devices" : ""} ;;`).join("\n")}
  esac
  if [[ $asks == devices && $word != -* ]]; then words+=" $(iot devices -o name 2>/dev/null)"; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _iot iot
`;
}

/** Two words are looked for before the command of one word. */
function patternOf(after: string): string {
  if (after === "") return "' '";
  return after.endsWith("*") ? `'${after.slice(0, -1)}'*` : `'${after}'`;
}
