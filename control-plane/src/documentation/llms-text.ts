import type { Reference } from "./reference.ts";

/** `/llms.txt`: what a language model needs to know to use the API. */
export function llmsText({ groups }: Reference): string {
  return `# Splatt

> Turns videos into 3D Gaussian splats (PLY files) on the owner's GPUs, by an HTTP API.

Send the API key in the header X-API-Key. Tools that speak the Model Context Protocol use POST /mcp with the same key. Errors are JSON with \`code\`, \`detail\` and \`hint\`; follow the hint.

1. POST /jobs with task_id and video_url: a public https address of the video file itself. Or send a file: POST /uploads, PUT
   its parts, POST /uploads/{id}/complete, then POST /jobs with task_id and upload_id.
2. GET /jobs/{id}/status until \`status\` is completed, failed or cancelled. It takes minutes to hours.
3. GET /jobs/{id}/results/baked_splat_sh.ply, or another file that \`results\` names.

To repeat a POST safely, send the same Idempotency-Key.

- [OpenAPI document](/openapi.json): every endpoint, field and problem
- [Documentation](/docs): the same for people

## Endpoints

${groups
  .flatMap(({ endpoints }) => endpoints)
  .map(({ method, path, summary }) => `- ${method} ${path}: ${summary}`)
  .join("\n")}
`;
}
