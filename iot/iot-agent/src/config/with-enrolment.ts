// The configuration of a device that gets an identity: what a person wrote in it stays, and the
// shared credentials and the way to NATS go, since both come with the identity. Pure.

export interface EnrolmentLines {
  readonly url: string;
  readonly caFile: string | undefined;
}

const HEADING = /^\s*\[\[?\s*"?([\w-]+)"?[\w\s."-]*\]\]?\s*(#.*)?$/;
const REPLACED = ["credentials", "enrolment"];
/** The lines of [nats] that stay: the others are about the server, which the service names. */
/** The place of the key is this device's, and no service says it. */
const KEPT_OF_ENROLMENT = /^\s*key\s*=/;
const KEPT_OF_NATS = /^\s*connect_timeout_seconds\s*=/;

export function withEnrolment(text: string, { url, caFile }: EnrolmentLines): string {
  const kept = sectionsOf(text).flatMap(({ name, lines }) => {
    if (name === "nats") {
      const rest = lines.filter((line) => KEPT_OF_NATS.test(line));
      return rest.length === 0 ? [] : ["[nats]", ...rest, ""];
    }
    return REPLACED.includes(name) ? [] : lines;
  });
  const rest = kept.join("\n").trim();
  const ca = caFile === undefined ? "" : `ca_file = ${JSON.stringify(caFile)}\n`;
  const key = sectionsOf(text)
    .filter(({ name }) => name === "enrolment")
    .flatMap(({ lines }) => lines.filter((line) => KEPT_OF_ENROLMENT.test(line)))
    .map((line) => `${line}\n`)
    .join("");
  return `${rest === "" ? "" : `${rest}\n\n`}[enrolment]\nurl = ${JSON.stringify(url)}\n${ca}${key}`;
}

/** The first has no name: it is what stands above all headings. */
function sectionsOf(text: string): { readonly name: string; readonly lines: string[] }[] {
  const sections = [{ name: "", lines: [] as string[] }];
  for (const line of text.split("\n")) {
    const name = HEADING.exec(line)?.[1];
    if (name !== undefined) sections.push({ name, lines: [] });
    sections.at(-1)?.lines.push(line);
  }
  return sections;
}
