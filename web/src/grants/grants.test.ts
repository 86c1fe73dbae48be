import { describe, expect, it } from "vitest";

import { A_PERSON, changedSettingsOf, fieldsOf, settingsOf, type GrantEntry } from "./grants";

const entry = (part: Partial<GrantEntry>): GrantEntry => ({ ...A_PERSON, ...part });
const names = (part: Partial<GrantEntry>) => fieldsOf(entry(part)).map(({ name }) => name);

describe("grants without a person", () => {
  it("ask for what each of them needs", () => {
    expect(names({})).toEqual([]);
    expect(names({ grant: "client_credentials" })).toEqual(["client_id", "client_secret"]);
    expect(names({ grant: "client_credentials", proof: "key" })).toEqual([
      "client_id", "private_key", "signing_algorithm",
    ]);
    expect(names({ grant: "client_credentials", proof: "keyway" })).toEqual(["client_id"]);
    expect(names({ grant: "workload_identity" })).toEqual(["assertion", "client_id"]);
    expect(names({ grant: "enterprise_managed" })).toContain("idp_id_token");
  });

  it("become the API's settings, without what is empty or belongs to another choice", () => {
    const values = { client_id: " reports ", client_secret: "s", private_key: "pem", assertion: "" };
    const secret = entry({ grant: "client_credentials", values });
    expect(settingsOf(secret)).toEqual({
      grant: "client_credentials", client_id: "reports", client_secret: "s",
    });
    expect(settingsOf({ ...secret, proof: "key" })).toEqual({
      grant: "client_credentials", client_id: "reports", private_key: "pem", signing_algorithm: "ES256",
    });
    expect(settingsOf({ ...secret, proof: "keyway" })).toEqual({
      grant: "client_credentials", client_id: "reports", token_endpoint_auth_method: "private_key_jwt",
    });
    expect(settingsOf({ ...secret, grant: "workload_identity" })).toEqual({
      grant: "workload_identity", client_id: "reports",
    });
  });

  it("change only what was entered", () => {
    const saved = entry({ grant: "client_credentials", proof: "key" });
    expect(changedSettingsOf(saved)).toBeUndefined();
    expect(changedSettingsOf({ ...saved, values: { client_id: "other" } })).toEqual({ client_id: "other" });
    expect(changedSettingsOf({ ...saved, values: { private_key: "pem" } })).toEqual({
      private_key: "pem", signing_algorithm: "ES256",
    });
  });
});
