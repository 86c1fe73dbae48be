// What a person types, as the address of a server.

/**
 * The address to try, or null while there is none yet. A missing scheme means https. Userinfo and
 * fragments are left for the server to refuse, with its reason.
 */
export function completeAddress(typed: string): string | null {
  const text = typed.trim();
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(address)) return null;
  const { protocol, hostname } = new URL(address);
  if (protocol !== "https:" && protocol !== "http:") return null;
  const isWhole = /[^.]\.[^.]/.test(hostname) || hostname === "localhost" || hostname.startsWith("[");
  return isWhole ? address : null;
}
