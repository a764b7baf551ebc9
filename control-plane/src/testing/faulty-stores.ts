import type { ObjectBytes } from "../storage/object-bytes.ts";
import type { StoreCall, Verdict } from "./store-call.ts";

export type Judge = (call: StoreCall) => Promise<Verdict>;

/** D1 with every round trip to it judged. Passes for the real one with drizzle. */
export function faultyD1(db: D1Database, judge: Judge): D1Database {
  const reals = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly sql: string }>();

  function wrap(statement: D1PreparedStatement, sql: string): D1PreparedStatement {
    const wrapped = intercept(statement, (method, call) => {
      if (method === "bind") return (...values: unknown[]) => wrap(statement.bind(...values), sql);
      return (...args: unknown[]) => judged(judge, { store: "d1", method, what: sql }, () => call(...args));
    });
    reals.set(wrapped, { statement, sql });
    return wrapped;
  }

  return intercept(db, (method, call) => {
    if (method === "prepare") return (sql: string) => wrap(db.prepare(sql), sql);
    if (method !== "batch") return call;
    return (statements: readonly D1PreparedStatement[]) => {
      const batch = statements.flatMap((statement) => reals.get(statement) ?? []);
      const what = batch.map(({ sql }) => sql).join("; ");
      return judged(judge, { store: "d1", method, what }, () =>
        db.batch(batch.map(({ statement }) => statement)),
      );
    };
  });
}

/** R2 with every call of it judged, those of multipart uploads too. */
export function faultyR2(bucket: R2Bucket, judge: Judge): R2Bucket {
  return intercept(bucket, (method, call) => {
    if (method === "resumeMultipartUpload") {
      return (key: string, uploadId: string) =>
        intercept(bucket.resumeMultipartUpload(key, uploadId), (of, callOf) => {
          return (...args: unknown[]) =>
            judged(judge, { store: "r2", method: of, what: key }, () => callOf(...args));
        });
    }
    return (...args: unknown[]) =>
      judged(judge, { store: "r2", method, what: String(args[0]) }, () => call(...args));
  });
}

/** The bytes that pass by the Worker, judged as the calls of R2 that they stand for. */
export function faultyBytes(bytes: ObjectBytes, judge: Judge): ObjectBytes {
  return {
    send: (key, ...rest) =>
      judged(judge, { store: "r2", method: "get", what: key }, () => bytes.send(key, ...rest)),
    receivePart: (upload, ...rest) =>
      judged(judge, { store: "r2", method: "uploadPart", what: upload.r2Key }, () =>
        bytes.receivePart(upload, ...rest),
      ),
    receiveObject: (key, ...rest) =>
      judged(judge, { store: "r2", method: "put", what: key }, () => bytes.receiveObject(key, ...rest)),
    sha256: (key) => judged(judge, { store: "r2", method: "get", what: key }, () => bytes.sha256(key)),
    growingPartSize: (size) => bytes.growingPartSize(size),
    appendBody: (upload, ...rest) => {
      const appender = bytes.appendBody(upload, ...rest);
      return {
        ...appender,
        next: (from) =>
          judged(judge, { store: "r2", method: "append", what: upload.r2Key }, () => appender.next(from)),
      };
    },
  };
}

async function judged<T>(judge: Judge, call: StoreCall, make: () => T | Promise<T>): Promise<T> {
  const { delayMs = 0, error, isMade = false, answeredAfter } = await judge(call);
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (error !== undefined && !isMade) throw new Error(error);
  const answer = await make();
  await answeredAfter;
  if (error !== undefined) throw new Error(error);
  return answer;
}

type Method = (...args: unknown[]) => unknown;

/** An object whose methods are replaced; its other members are as they were. */
function intercept<T extends object>(target: T, replace: (method: string, call: Method) => unknown): T {
  return new Proxy(target, {
    get(object, member) {
      const value: unknown = Reflect.get(object, member, object);
      if (typeof value !== "function" || typeof member !== "string") return value;
      return replace(member, (...args) => Reflect.apply(value, object, args));
    },
  });
}
