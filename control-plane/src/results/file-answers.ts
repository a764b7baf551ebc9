import type { Operation } from "../contract/operation.ts";

/** The answers with a file of the object store. */
export const FILE_ANSWERS: Operation["answers"] = {
  200: { description: "The file", content: ["*/*"] },
  206: { description: "The range that Range asks for", content: ["*/*"] },
  304: { description: "The file has not changed", content: [] },
};
