import type { Option } from "./command.ts";

/** `--device <id>`, with its short form before it. */
export function optionInWords(name: string, { short, value }: Option): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;
}
