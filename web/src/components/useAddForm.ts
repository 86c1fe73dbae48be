// The state of the add dialog: what was typed, what the probe found, and what pressing the button does.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Connector, NewConnector, Preset, ProbeReport } from "../api/types";
import { completeHeaders, type HeaderPair } from "../headers/headers";
import { presetAt } from "../presets/presets";
import { completeAddress } from "../probe/address";
import { Prober, type ProbeState } from "../probe/prober";
import { openPopup } from "../sign-in/popup";
import { useCreate } from "../state/connectors";
import { useKeyway } from "../state/context";
import { usePresets } from "../state/presets";
import { A_PERSON, settingsOf, type GrantEntry } from "../grants/grants";
import { clientOf, type ClientEntry } from "./ClientFields";

const FIRST_PAIR: HeaderPair = { name: "Authorization", value: "" };
/** The window of a connector that has no id yet; `begin` goes on with it. */
const NEW_WINDOW = "new";

export function useAddForm(onAdded: (connector: Connector) => void) {
  const { api, signIns } = useKeyway();
  const create = useCreate();
  const [typed, setTyped] = useState("");
  const [name, setName] = useState("");
  const [pairs, setPairs] = useState<HeaderPair[]>([FIRST_PAIR]);
  const [client, setClient] = useState<ClientEntry>({ id: "", secret: "" });
  const [grant, setGrant] = useState<GrantEntry>(A_PERSON);
  const [probe, setProbe] = useState<ProbeState>({ step: "idle" });
  const prober = useMemo(() => new Prober(api.probe, setProbe), [api]);

  const presets = usePresets();
  const address = completeAddress(typed);
  const preset = presetAt(presets, address);
  const headers = completeHeaders(pairs);
  const asked = JSON.stringify([address, headers]);
  useEffect(() => {
    prober.later(address, headers);
    return () => prober.stop();
  }, [prober, asked]);

  const report = probe.step === "done" ? probe.report : null;
  const outcome = report?.outcome ?? null;
  const shown = useLastReport(report, address);
  const asksForSignIn = shown?.outcome === "oauth" || shown?.outcome === "client_needed";
  const needsNobody = grant.grant !== "authorization_code" && wantsCredential(shown);
  const signsIn = asksForSignIn && !needsNobody;

  const add = () => {
    if (address === null || create.isPending) return;
    if (outcome === null) return void prober.now(address, headers);
    if (outcome === "blocked") return;
    const popup = signsIn ? openPopup(NEW_WINDOW) : undefined;
    // Awaited, not given as a callback: the window must not be forgotten when the dialog is closed.
    create.mutateAsync(newConnector({ address, name, headers, client, signsIn, grant: needsNobody ? grant : null, preset })).then(
      (connector) => {
        if (popup !== undefined) void signIns.begin(connector.id, popup);
        onAdded(connector);
      },
      () => popup?.close(),
    );
  };

  const pick = (picked: Preset) => {
    setTyped(picked.url);
    // A name of the person's own stays.
    if (name === "" || name === preset?.name) setName(picked.name);
  };

  return {
    ...{ presets, preset, pick },
    ...{ typed, setTyped, name, setName, pairs, setPairs, client, setClient, grant, setGrant, needsNobody },
    ...{ probe, outcome, shown, signsIn, add, isAdding: create.isPending, error: create.error },
    checkAgain: () => address !== null && void prober.now(address, headers),
  };
}

/** The last answer stays while the next one is awaited, so that fields do not come and go. */
function useLastReport(report: ProbeReport | null, address: string | null): ProbeReport | null {
  const last = useRef<ProbeReport | null>(null);
  if (report !== null) last.current = report;
  if (address === null) last.current = null;
  return last.current;
}

/** Whether the server let nobody in without a credential. */
export function wantsCredential(report: ProbeReport | null): boolean {
  return ["oauth", "client_needed", "token_needed"].includes(report?.outcome ?? "");
}

interface Entered {
  address: string;
  name: string;
  headers: Record<string, string>;
  client: ClientEntry;
  signsIn: boolean;
  /** Where nobody signs in. */
  grant: GrantEntry | null;
  preset: Preset | undefined;
}

function newConnector({ address, name, headers, client, signsIn, grant, preset }: Entered): NewConnector {
  const scopes = preset?.scopes ?? [];
  const credentials = grant === null ? clientOf(client) : settingsOf(grant);
  const settings = { ...credentials, ...(scopes.length === 0 ? {} : { scopes }) };
  const oauth = Object.keys(settings).length === 0 ? undefined : settings;
  const isOAuth = signsIn || grant !== null;
  return {
    url: address,
    ...(name.trim() === "" ? {} : { name: name.trim() }),
    ...(isOAuth ? { auth_type: "oauth" as const, ...(oauth === undefined ? {} : { oauth }) } : {}),
    ...(!isOAuth && Object.keys(headers).length > 0 ? { headers } : {}),
  };
}
