// Reads maps by names that people give: a DNS label may be `constructor`, which every object
// inherits.

/** The map's own value of that name, and nothing that it inherits. */
export function lookUp<Value>(map: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
