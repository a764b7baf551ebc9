import type { WebhookDeliveryRow } from "../db/schema.ts";

/** The key of a delivery's row. */
export type DeliveryKey = Pick<WebhookDeliveryRow, "subject" | "sequence" | "receiver">;

/** A delivery's id: the same for all of its attempts, so that its receiver can drop repetitions. */
export function deliveryId({ subject, sequence, receiver }: DeliveryKey): string {
  return `${subject}_${sequence}_${receiver}`;
}

export function parseDeliveryId(id: string): DeliveryKey | null {
  const [, subject, sequence, receiver] = /^([0-9a-f-]{36})_(0|[1-9]\d{0,8})_([0-9a-f-]{36})$/.exec(id) ?? [];
  if (subject === undefined || sequence === undefined || receiver === undefined) return null;
  return { subject, sequence: Number(sequence), receiver };
}
