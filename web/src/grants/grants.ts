// Grants without a person: what each needs to be told, and how that becomes the API's settings.

import type { NewOAuth } from "../api/types";
import { texts } from "../words";

export type Grant = NonNullable<NewOAuth["grant"]>;
/** How a client proves itself: by a secret, by a key of its own, or by Keyway's. */
export type Proof = "secret" | "key" | "keyway";

type TextOf<T> = { [Name in keyof T]: T[Name] extends string | null | undefined ? Name : never }[keyof T];
export type FieldName = Exclude<NonNullable<TextOf<NewOAuth>>, "grant" | "token_endpoint_auth_method">;

export interface GrantEntry {
  grant: Grant;
  proof: Proof;
  values: Partial<Record<FieldName, string>>;
}

export interface GrantField {
  name: FieldName;
  label: string;
  hint?: string;
  kind: "text" | "secret" | "pem" | "algorithm";
  optional?: true;
}

export const A_PERSON: GrantEntry = { grant: "authorization_code", proof: "secret", values: {} };

/** The algorithms a private key may sign with. */
export const ALGORITHMS = ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

const CLIENT_ID: GrantField = { name: "client_id", label: texts.clientId, kind: "text" };
const SECRET: GrantField = { name: "client_secret", label: texts.clientSecret, kind: "secret" };
const KEY: GrantField[] = [
  { name: "private_key", label: texts.privateKey, hint: texts.privateKeyHint, kind: "pem" },
  { name: "signing_algorithm", label: texts.signingAlgorithm, kind: "algorithm" },
];
const PROOFS: Record<Proof, GrantField[]> = { secret: [SECRET], key: KEY, keyway: [] };
const ENTERPRISE: GrantField[] = [
  CLIENT_ID,
  { ...SECRET, hint: texts.clientSecretHint, optional: true },
  { name: "idp_issuer", label: texts.idpIssuer, kind: "text" },
  { name: "idp_token_endpoint", label: texts.idpTokenEndpoint, kind: "text" },
  { name: "idp_client_id", label: texts.idpClientId, kind: "text" },
  { name: "idp_id_token", label: texts.idpIdToken, kind: "secret" },
];
const WORKLOAD: GrantField[] = [
  { name: "assertion", label: texts.assertion, hint: texts.assertionHint, kind: "secret" },
  { ...CLIENT_ID, hint: texts.clientIdOptional, optional: true },
];

/** What is asked for, in this order. */
export function fieldsOf({ grant, proof }: GrantEntry): GrantField[] {
  switch (grant) {
    case "client_credentials":
      return [CLIENT_ID, ...PROOFS[proof]];
    case "enterprise_managed":
      return ENTERPRISE;
    case "workload_identity":
      return WORKLOAD;
    default:
      return [];
  }
}

/** The entry as the API takes it: what is shown and filled in, and nothing else. */
export function settingsOf(entry: GrantEntry): NewOAuth {
  const values = fieldsOf(entry).map(({ name, kind }) => [name, valueOf(entry, name, kind)] as const);
  const signs = entry.grant === "client_credentials" && entry.proof === "keyway";
  return {
    grant: entry.grant,
    ...Object.fromEntries(values.filter(([, value]) => value !== "")),
    ...(signs ? { token_endpoint_auth_method: "private_key_jwt" } : {}),
  };
}

/** The settings of a connector that is saved already; undefined where nothing was entered. */
export function changedSettingsOf(entry: GrantEntry): NewOAuth | undefined {
  const { grant: _, signing_algorithm: algorithm, ...entered } = settingsOf(entry);
  if (Object.keys(entered).length === 0) return undefined;
  // An algorithm alone says nothing: it belongs to the key beside it.
  return entered.private_key === undefined ? entered : { ...entered, signing_algorithm: algorithm ?? null };
}

function valueOf({ values }: GrantEntry, name: FieldName, kind: GrantField["kind"]): string {
  const value = values[name] ?? "";
  return kind === "algorithm" ? value || (ALGORITHMS[0] ?? "") : value.trim();
}
