export { isNearlyWorkloadFileName, isWorkloadFileName, looksLikeDeployment } from "./file-kinds.ts";
export { IGNORE_FILE, IGNORE_LIMIT_BYTES, type Ignored, ignoredBy, type IgnoreRule, readIgnoreFile } from "./ignore-file.ts";
export { type Place, placeAt, type Places } from "./places.ts";
export { type CloseDocument, type CloseFile, readClosely } from "./read-closely.ts";
export {
  doubledNames,
  FILE_LIMIT_BYTES,
  type FileIssue,
  type FilesResult,
  type IgnoredDocument,
  isSaid,
  readWorkloadFiles,
  type WorkloadDocument,
  type WorkloadFile,
} from "./read-workload-files.ts";
export { readAsKubectl } from "./kubectl-scalar.ts";
export { namesOfTwoFiles, type PlainDeployment, type PlainFile } from "./read-plainly.ts";
export { YAML_READER_LIMITS, YamlReader, type YamlReaderLimits } from "./yaml-reader.ts";
export { AS_WRITTEN, parseYamlValue, type YamlValue } from "./yaml-value.ts";
