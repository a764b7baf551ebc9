import { z } from "zod";
import { pathPattern } from "../contract/methods-at.ts";
import type { Operation } from "../contract/operation.ts";
import { OPERATIONS } from "../contract/operations.ts";

/**
 * Breaks out of text, of attributes in any quotes, of scripts, styles, titles and comments; runs as a link; and hides
 * in control characters.
 */
export const PAYLOAD =
  "javascript:alert(1)//\"'`><hx onhx=1><img src=https://evil.example/ onerror=alert(2)></title></textarea>" +
  "</script></style></noscript><!--]]>\\u003c{{7*7}}\u0000\u001b[31m\u202e\u2028\u200b\ufeff";

/** Where the server writes an address of this site: that of a result file, and of a new share. */
const OWN_ADDRESS = /^(?:.*\bresults\..*\.url|createShare\.url)$/s;
/** Results that pages show in a way of their own. */
const SHOWN_RESULTS = [
  "baked_splat.sog",
  "transforms.json",
  "thumbnail.webp",
  "photos.webp",
  "coverage.json",
];

/** The parts of a JSON Schema that the answers use. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

/**
 * What an operation may answer, with `PAYLOAD` in every text that is not one of a list of words. Each `variant` takes
 * other words and other alternatives; nothing is null.
 *
 * @param id of the operation
 */
export function hostileAnswer(schema: z.ZodType, variant: number, id = ""): unknown {
  const root = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as unknown as Schema;
  const pick = <T>(all: readonly T[]) => all[variant % all.length];
  const fill = (part: Schema, at: string): unknown => {
    if (part.$ref !== undefined) return fill(root.$defs?.[part.$ref.split("/").at(-1) ?? ""] ?? {}, at);
    if (part.const !== undefined) return part.const;
    if (part.enum !== undefined) return pick(part.enum);
    const alternatives = (part.anyOf ?? part.oneOf)?.filter(({ type }) => type !== "null");
    if (alternatives !== undefined) return fill(pick(alternatives) ?? {}, at);
    if (part.allOf !== undefined) return Object.assign({}, ...part.allOf.map((each) => fill(each, at)));
    switch ([part.type].flat().find((type) => type !== "null")) {
      case "object":
        return fillObject(part, at);
      case "array":
        return [fill(part.items ?? {}, at)];
      case "boolean":
        return variant % 2 === 0;
      case "integer":
      case "number":
        return Math.max(part.minimum ?? 0, Math.min(part.maximum ?? variant, variant));
      default:
        // Of files that are gone, a page shows little.
        if (at.endsWith("_purged_at") && variant % 2 === 0) return null;
        if (part.format?.startsWith("date") || at.endsWith("_at")) return "2026-01-02T03:04:05.678Z";
        return OWN_ADDRESS.test(at) ? "/own/address" : PAYLOAD;
    }
  };
  const fillObject = ({ properties = {}, additionalProperties: others }: Schema, at: string) => {
    const names = at.endsWith(".results") ? [PAYLOAD, ...SHOWN_RESULTS] : [PAYLOAD];
    const more = typeof others === "object" ? names.map((key) => [key, fill(others, `${at}.${key}`)]) : [];
    const own = Object.entries(properties).map(([key, value]) => [key, fill(value, `${at}.${key}`)]);
    return Object.fromEntries([...own, ...more]);
  };
  return fill(root, id);
}

/** The operation of a request. */
export function operationOf({ method, url }: Request): Operation {
  const { pathname } = new URL(url);
  const of = OPERATIONS.filter(
    (operation) => operation.method === method.toLowerCase() && pathPattern(operation.path).test(pathname),
  );
  const operation = of.find(({ path }) => !path.includes("{")) ?? of[0];
  if (operation === undefined) throw new Error(`${method} ${pathname} is no operation`);
  return operation;
}
