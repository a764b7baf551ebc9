/** A lone surrogate has no UTF-8: each store would replace it differently. */
export const isWellFormed = (text: string): boolean => text.isWellFormed();
export const WELL_FORMED = { message: "must be well-formed Unicode" };
