import { desc, type SQL, type SQLWrapper, sql } from "drizzle-orm";

/** What a list in the order of creation sorts by. */
interface Creation<Time, Id> {
  readonly createdAt: Time;
  readonly id: Id;
}
type Columns = Creation<SQLWrapper, SQLWrapper>;

/** The order of a list, newest first. */
export function newestFirst({ createdAt, id }: Columns): [SQL, SQL] {
  return [desc(createdAt), desc(id)];
}

/** The condition that a row comes after the page that ended with `cursor`. */
export function afterCursor({ createdAt, id }: Columns, cursor: string | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const [lastTime = "", lastId = ""] = cursor.split("_");
  return sql`(${createdAt}, ${id}) < (${Number(lastTime)}, ${lastId})`;
}

/** The cursor of the page that follows a row. */
export function cursorAfter({ createdAt, id }: Creation<number, string>): string {
  return `${createdAt}_${id}`;
}

/** @param found the rows of a page and, where there is a next page, one more */
export function pageOf<Row extends Creation<number, string>>(
  found: readonly Row[],
  limit: number,
): { page: Row[]; nextCursor: string | null } {
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const hasMore = last !== undefined && found.length > page.length;
  return { page, nextCursor: hasMore ? cursorAfter(last) : null };
}
