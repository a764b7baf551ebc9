/** The methods of a WebhookSender, as the Worker and the Dispatchers call them. */
export interface WebhookSenderApi extends Rpc.DurableObjectBranded {
  /** Something may be due for its receiver. */
  wake(): void;
}
