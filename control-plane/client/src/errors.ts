import { Problem, problemText } from "@splatt/shared";
import { lenient } from "./lenient.ts";

/** What the client throws for reasons outside the program. `code` is stable; the message says what to do, too. */
export class SplattError extends Error {
  override readonly name: string = "SplattError";
  readonly code: string;
  /** What to do, as the API put it; the message has it too. */
  readonly hint: string | null;

  constructor(code: string, message: string, hint: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** An error answer of the API (RFC 9457). docs/api.md lists the codes. */
export class ApiProblem extends SplattError {
  override readonly name = "ApiProblem";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code, problemText(problem), problem.hint ?? null);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** No answer came: the address is wrong, the control plane is down, or the network is. */
export class Unreachable extends SplattError {
  override readonly name = "Unreachable";

  constructor(origin: string, cause: unknown) {
    super(
      "unreachable",
      `${origin} cannot be reached`,
      "Check the address, and whether it answers /health.",
      {
        cause,
      },
    );
  }
}

/** The answer is not from this API: another server or a proxy sent it. */
export class UnexpectedAnswer extends SplattError {
  override readonly name = "UnexpectedAnswer";

  constructor(message: string, cause?: unknown) {
    super(
      "unexpected_answer",
      `${message}. Check that the address is that of a Splatt control plane.`,
      null,
      {
        cause,
      },
    );
  }
}

/** The file differs from what the job states. */
export class DamagedFile extends SplattError {
  override readonly name = "DamagedFile";

  constructor(url: string) {
    super("file_damaged", `${url} arrived damaged: its size or SHA-256 is wrong. Download it again.`);
  }
}

const MAX_SHOWN = 300;

/** The error that an answer with an error status stands for. */
export async function errorOf(response: Response, request: string): Promise<SplattError> {
  const text = await response.text();
  const problem = lenient(Problem).safeParse(parseJson(text));
  if (problem.success) return new ApiProblem(problem.data);
  return new UnexpectedAnswer(`${request} returned ${response.status}: ${text.slice(0, MAX_SHOWN)}`);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
