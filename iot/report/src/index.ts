export { shownAge } from "./age.ts";
export { type Explained, renderExplained, shownPhase } from "./explained.ts";
export { wrapSentence } from "./sentence.ts";
export { renderTable } from "./table.ts";
export { wrap } from "./wrap.ts";
