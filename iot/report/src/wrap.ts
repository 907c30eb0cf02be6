import { visibleText } from "@harmony/core";

/**
 * Broken between words; `first` is the indentation of the first line. A word longer than the line
 * stands alone. The words are a device's or a registry's, so what a terminal would obey is taken
 * out.
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
