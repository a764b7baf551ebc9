import { SHA256_HEADER } from "@splatt/shared";
import { cors } from "hono/cors";

/**
 * For what works without a key: pages of any site may read it, because a link is a right by itself, and no cookie or
 * key goes with such a request.
 */
export const openToAllSites = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD"],
  exposeHeaders: [
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    SHA256_HEADER,
  ],
  maxAge: 24 * 3600,
});
