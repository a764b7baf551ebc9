/** A Worker with the bindings of the control plane, and nothing else. */
export class Dispatcher {}
export class WebhookSender {}
export default { fetch: () => new Response() };
