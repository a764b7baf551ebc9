import {
  createMcpHandler,
  isLegacyRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";

/**
 * Answers one message, in whichever revision of the protocol its sender speaks. Nothing is kept between messages, and
 * every answer is one JSON body: no tool sends anything before its result.
 *
 * @param message the body of `request`
 */
export async function handleMessage(request: Request, message: unknown, server: Server): Promise<Response> {
  if (await isLegacyRequest(request, message)) return handleLegacy(request, message, server);
  // A client has nothing to subscribe to.
  const handler = createMcpHandler(() => server, { legacy: "reject", maxSubscriptions: 0 });
  return handler.fetch(request, { parsedBody: message });
}

/** The revisions before 2026-07-28, which begin with `initialize`. Without a session, its answer is all there is. */
async function handleLegacy(request: Request, message: unknown, server: Server): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    return await transport.handleRequest(request, { parsedBody: message });
  } finally {
    await server.close();
  }
}
