import { type SQL, type SQLWrapper, sql } from "drizzle-orm";

/** The condition that a column has one of the values: as one JSON parameter, since D1 binds at most 100. */
export function inList(column: SQLWrapper, values: readonly string[]): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
}
