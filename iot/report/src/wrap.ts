import { visibleText } from "@harmony/core";

/**
 * Breaks text between words; `first` is the indentation of the first line. A word longer than the
 * line stands alone. The text is a device's or a registry's, so sequences that a terminal would
 * obey are removed.
 */
export function wrap(text: string, width: number, indent: string, first: string = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of visibleText(text).split(/(?<=\S)(?=\s)/)) {
    if (!isEmpty && line.length + word.length > width) {
      lines.push(line);
      line = indent + word.trimStart();
    } else line += word;
    isEmpty = false;
  }
  return [...lines, line];
}
