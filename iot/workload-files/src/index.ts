export { isNearlyWorkloadFileName, isWorkloadFileName, looksLikeDeployment } from "./file-kinds.ts";
export {
  FILE_LIMIT_BYTES,
  type FileIssue,
  type FilesResult,
  type IgnoredDocument,
  readWorkloadFiles,
  type WorkloadDocument,
  type WorkloadFile,
} from "./read-workload-files.ts";
