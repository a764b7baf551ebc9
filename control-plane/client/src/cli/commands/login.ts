import { Splatt } from "../../index.ts";
import { ask, isTerminal, readPiped } from "../ask.ts";
import { command, UsageError } from "../command.ts";
import { storeCredentials } from "../credentials.ts";

export const login = command({
  name: "login",
  summary: "store the address of a control plane and an API key",
  details:
    "Asks for what is missing. Without a terminal, the key is read from stdin. Both are kept in your config folder, readable by you alone; SPLATT_URL and SPLATT_API_KEY win over them.",
  args: [{ name: "URL", summary: "such as https://splatt.example.com", optional: true }],
  async run(context, { args }) {
    const { signal, environment } = context;
    const isAsking = isTerminal();
    const url = args[0] ?? (isAsking ? await ask("Address of the control plane: ", signal) : undefined);
    if (url === undefined) throw new UsageError("Missing argument: URL");
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
      throw new UsageError(`"${url}" is not an http or https URL`);
    const apiKey = isAsking ? await ask("API key: ", signal, true) : await readPiped();
    if (!/^[\x21-\x7e]+$/.test(apiKey))
      throw new UsageError("The API key is empty, or contains invalid characters");
    const { origin } = new URL(url);
    const me = await new Splatt({ url: origin, apiKey }).getMe({ signal });
    const path = await storeCredentials(environment, { url: origin, api_key: apiKey });
    const text = `Signed in to ${origin} as ${me.name}, which may: ${me.scopes.join(", ")}.\nStored in ${path}`;
    return { json: { url: origin, ...me, stored_in: path }, text };
  },
});
