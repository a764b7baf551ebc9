export type { DownloadOptions } from "./download.ts";
export * from "./errors.ts";
export type { CallOptions, SplattOptions } from "./http.ts";
export { type PackedFile, packFiles } from "./pack-files.ts";
export * from "./splatt.ts";
export type { JobFields, JobFilters, Page } from "./splatt-api.ts";
export type { UploadOptions, UploadSource } from "./upload.ts";
export { verifyWebhook } from "./verify-webhook.ts";
export type { WatchOptions } from "./watch.ts";
