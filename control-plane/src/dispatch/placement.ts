import { type AgentOffer, type EngineChoice, engineFor } from "@splatt/shared";

/** What some jobs need that older agents lack: they would make something else of the job. */
export interface JobNeeds {
  /** Whether the job is made of several uploads. */
  readonly isOfSeveral: boolean;
  readonly hasScaleReference: boolean;
}

export const NO_NEEDS: JobNeeds = { isOfSeveral: false, hasScaleReference: false };

export interface QueuedJob extends JobNeeds {
  readonly id: string;
  readonly engine: EngineChoice;
  /** The agent that worked on the job last, and may have its finished stages. */
  readonly lastAgentId: string | null;
}

/** Whether an agent with this offer can run the job. */
export function canRun(offer: AgentOffer, { engine, ...needs }: Omit<QueuedJob, "id" | "lastAgentId">) {
  return engineFor(engine, offer) !== null && meets(offer, needs);
}

function meets(offer: AgentOffer, { isOfSeveral, hasScaleReference }: JobNeeds): boolean {
  return (
    (!isOfSeveral || offer.takes_several_files === true) &&
    (!hasScaleReference || offer.takes_scale_reference === true)
  );
}

/** The engine choices that a job may name so that one of `offers` runs it. */
export function runnableChoices(offers: readonly AgentOffer[]): EngineChoice[] {
  const choices = new Set<EngineChoice>();
  for (const offer of offers.filter(({ slots }) => slots > 0)) {
    if (offer.default_engine !== null) choices.add("auto");
    for (const engine of offer.engines) if (engine.usable) choices.add(engine.name);
  }
  return [...choices];
}

/** SQL's LIKE for the sentences of `unmetNeed`, which stop being true when an agent connects or changes its offer. */
export const UNMET_NEED_PATTERN = 'Waiting%connected%pool "%';

/** What a job waits for that a connected agent can run. */
export function waitsForTurn(pool: string): string {
  return `Waiting for a free agent in pool "${pool}".`;
}

/**
 * Why no connected agent can run a job that asks for `choice`; null when one can.
 *
 * @param needs what else the job needs
 */
export function unmetNeed(
  choice: EngineChoice,
  pool: string,
  offers: readonly AgentOffer[],
  needs: JobNeeds = NO_NEEDS,
): string | null {
  if (offers.length === 0) return `Waiting for an agent: none is connected to pool "${pool}".`;
  if (runnableChoices(offers).includes(choice)) {
    const job = { engine: choice, ...needs };
    if (offers.some((offer) => offer.slots > 0 && canRun(offer, job))) return null;
    const feature = needs.isOfSeveral ? "several uploads" : "scale_reference";
    return `Waiting: the connected agents of pool "${pool}" are too old for ${feature}. Update them: splatt-agent update.`;
  }
  if (choice === "auto") {
    return `Waiting: no connected agent of pool "${pool}" offers an engine. ${offers[0]?.reason ?? ""}`.trim();
  }
  return `Waiting: no connected agent of pool "${pool}" can run the engine "${choice}".`;
}
