export { shownAge } from "./age.ts";
export { type Explained, renderExplained } from "./explained.ts";
export { renderTable } from "./table.ts";
export { wrap } from "./wrap.ts";
