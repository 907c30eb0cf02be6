// What lies beside a Compose file, as far as a conversion takes it over.

export interface TextFile {
  readonly text: string;
  /** It may be run. */
  readonly isProgram: boolean;
}

export type Beside =
  | { readonly kind: "none" }
  | ({ readonly kind: "text" } & TextFile)
  /** Too large, or no text. */
  | { readonly kind: "other" }
  /** By path within it; null: it has more than some small files of text. */
  | { readonly kind: "folder"; readonly files: ReadonlyMap<string, TextFile> | null };

export type ReadBeside = (path: string) => Beside;
