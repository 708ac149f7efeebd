// Sign-outs and the server: what it has not heard of is remembered, over a reload too, and told before anything else.
// Decides nothing about the session here.

import { cookieCredential, type Keeping } from "./credential.ts";
import { parse, type Transport } from "./transport.ts";

/** Sign-outs on their way to the server. */
export interface Leaving {
  /** Ends what the credential stands for; `sid` where it is known. Resolves whether the server has been told. */
  tell(sid: string | undefined): Promise<boolean>;
  /** Tells the server of what is remembered. */
  finish(): Promise<void>;
  /** Somebody has signed in: what was remembered of the cookie before is void. */
  done(): Promise<unknown>;
  current(): Promise<unknown>;
}

/** Sign-outs of what `keeping` holds. */
export function createLeaving({ memory, credential, name }: Keeping, transport: Transport): Leaving {
  /** The entry: the body of the call, bound to its session wherever that is known, so that a later sign-in is not touched. */
  const entry = `${name}:leaving`;
  const current = (): Promise<string | null> => memory.get(entry);
  const forget = (): Promise<boolean> => memory.set(entry, null);
  /** The sign-out on its way: whatever else is done waits for it. */
  let telling: Promise<boolean> | undefined;
  const tell = async (sid: string | undefined): Promise<boolean> => {
    try {
      const proof = await credential.present();
      if (!proof) return true;
      await memory.set(entry, JSON.stringify(proof.refresh_token ? proof : { sid }));
      await credential.forget(proof);
      await transport.send({ path: "/auth/logout", body: proof });
    } catch {
      return false;
    }
    await forget();
    return true;
  };
  return {
    current,
    tell(sid) {
      telling = tell(sid);
      return telling;
    },
    async finish() {
      await telling;
      const body = await current();
      if (body) {
        await transport.send({ path: "/auth/logout", body: parse(body) ?? { sid: "" } });
        await forget();
      }
    },
    done: async () => credential === cookieCredential && forget(),
  };
}
