// Compose's variables: `${NAME:-default}` in a text, and the files that give them values (`.env`,
// `env_file`). Pure.

export interface Variable {
  readonly name: string;
  /** `-`, `:-`, `+`, `:+`, `?`, `:?`; empty: none. */
  readonly operator: string;
  /** After the operator: it may hold variables in its turn. */
  readonly word: string;
}

const VARIABLE = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\$\{(?:[^{}]|\$\{[^{}]*\})*\})*))?\})/g;

export function replaceVariables(text: string, valueOf: (variable: Variable) => string): string {
  return text.replaceAll(
    VARIABLE,
    (whole: string, bare: string | undefined, braced: string | undefined, operator: string | undefined, word: string | undefined) =>
      whole === "$$" ? "$" : valueOf({ name: bare ?? braced ?? "", operator: operator ?? "", word: word ?? "" }),
  );
}

/** The value where it decides by itself; null: it is not known, and nothing stands in its place. */
export function valueOfVariable({ name, operator, word }: Variable, known: ReadonlyMap<string, string>): string | null {
  const value = known.get(name);
  const isThere = value !== undefined && !(operator.startsWith(":") && value === "");
  if (operator.endsWith("+")) return isThere ? word : "";
  if (isThere) return value;
  return operator.endsWith("-") ? word : null;
}

export interface EnvFile {
  readonly variables: ReadonlyMap<string, string>;
  /** Named without a value, which Compose takes from the shell. */
  readonly unset: readonly string[];
  /** Lines, from 1, that are of no form that is known. */
  readonly odd: readonly number[];
}

const LINE =
  /^[ \t]*(?:export[ \t]+)?([^\s=:#'"]+)[ \t]*(?:[=:][ \t]*(?:'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|([^\n]*)))?[ \t]*(?:#[^\n]*)?(?:\n|$)/;

/** In Compose's own reading: quotes, comments, `export`, values of several lines in quotes. */
export function readEnvFile(content: string, around: ReadonlyMap<string, string> = new Map()): EnvFile {
  const variables = new Map<string, string>();
  const unset: string[] = [];
  const odd: number[] = [];
  const text = content.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const expand = (value: string): string =>
    replaceVariables(value, (variable) => {
      const found = valueOfVariable(variable, new Map([...around, ...variables]));
      return found === null ? "" : expand(found);
    });
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const [blank] = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest) ?? [];
    const [whole, name, single, double, plain] = LINE.exec(rest) ?? [];
    if (blank !== undefined) at += Math.max(1, blank.length);
    else if (whole === undefined || name === undefined) {
      odd.push(text.slice(0, at).split("\n").length);
      at += rest.indexOf("\n") + 1 || rest.length;
    } else {
      at += whole.length;
      if (single !== undefined) variables.set(name, single);
      else if (double !== undefined) variables.set(name, expand(unescaped(double)));
      else if (plain !== undefined) variables.set(name, expand(plain.replace(/(?:^|\s+)#.*$/, "").trim()));
      else unset.push(name);
    }
  }
  return { variables, unset, odd };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$$" };

function unescaped(text: string): string {
  return text.replaceAll(/\\([nrt"\\$])/g, (_, sign: string) => ESCAPES[sign] ?? sign);
}

/** By its name; a Score is in git, where what is secret should not be. */
export function isSecretByName(name: string): boolean {
  return (
    /(?:^|_)(?:PASS|(?<=_)PWD?|PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|AUTH)_?KEY)(?:_?\d+)?$/i.test(
      name,
    ) && !/_FILE$/i.test(name)
  );
}
