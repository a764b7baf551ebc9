import type { SourceChange } from "./loader.ts";

/**
 * Building statements is what a run spends most of its time on. These changes have drizzle build the same texts with
 * the same parameters in less than half of it.
 */
export const FASTER_DRIZZLE: readonly SourceChange[] = [
  // What a thing is an instance of is asked of each piece a dozen times, along the whole prototype chain, though it is
  // a property of the class.
  {
    file: "control-plane/node_modules/drizzle-orm/entity.js",
    search: "function is(value, type) {",
    replace: `const answers = new Map();
function is(value, type) {
  if (!value || typeof value !== "object") return false;
  const made = Object.getPrototypeOf(value)?.constructor;
  if (typeof made !== "function") return isAnew(value, type);
  let known = answers.get(made);
  if (known === undefined) answers.set(made, (known = new Map()));
  let answer = known.get(type);
  if (answer === undefined) known.set(type, (answer = isAnew(value, type)));
  return answer;
}
function isAnew(value, type) {`,
  },
  // Each piece becomes a query of its own, to be merged with the others. The usual ones are appended to one instead.
  {
    file: "control-plane/node_modules/drizzle-orm/sql/sql.js",
    search: `  buildQueryFromSourceParams(chunks, _config) {
`,
    replace: `  static columns = new WeakMap();
  buildQueryFromSourceParams(chunks, config) {
    if (config.inlineParams || this.shouldInlineParams) return this.buildPieces(chunks, config);
    const query = { sql: "", params: [] };
    this.appendTo(query, chunks, { ...config, paramStartIndex: config.paramStartIndex ?? { value: 0 } });
    return query;
  }
  appendTo(query, chunks, config) {
    for (const chunk of chunks) {
      const kind = chunk?.constructor;
      const column = typeof chunk === "object" ? SQL.columns.get(chunk) : undefined;
      if (column !== undefined) {
        query.sql += column;
      } else if (kind === StringChunk) {
        for (const text of chunk.value) query.sql += text;
      } else if (kind === SQL && !chunk.shouldInlineParams) {
        this.appendTo(query, chunk.queryChunks, config);
      } else if (kind === Name) {
        query.sql += config.escapeName(chunk.value);
      } else if (kind === Param && !is(chunk.value, Placeholder)) {
        const value = chunk.value === null ? null : chunk.encoder.mapToDriverValue(chunk.value);
        if (is(value, SQL)) {
          this.appendTo(query, [value], config);
        } else {
          query.sql += config.escapeParam(query.params.length, value);
          query.params.push(value);
        }
      } else {
        const { sql, params } = this.buildPieces([chunk], config);
        query.sql += sql;
        query.params.push(...params);
        if (is(chunk, Column)) SQL.columns.set(chunk, sql);
      }
    }
  }
  buildPieces(chunks, _config) {
`,
  },
];
