// How far a sign-in has come, below the connector it is for.

import { popupName } from "../sign-in/popup";
import type { SignIn } from "../sign-in/sign-ins";
import { useKeyway } from "../state/context";
import { texts } from "../words";
import { CopyField } from "./CopyField";
import { Icon } from "./Icon";

interface Props {
  connectorId: string;
  signIn: SignIn | undefined;
  onEnterClient: () => void;
}

/** Both regions are always there, empty while nothing is to be said. */
export function SignInStatus({ connectorId, signIn, onEnterClient }: Props) {
  return (
    <>
      <div class="notice-place" role="status">
        {signIn?.step === "opening" && (
          <div class="notice">
            <p class="busy">{texts.signInOpening}</p>
          </div>
        )}
        {signIn?.step === "waiting" && (
          <Waiting connectorId={connectorId} url={signIn.url} blocked={signIn.blocked} />
        )}
      </div>
      <div class="notice-place" role="alert">
        {signIn?.step === "failed" && (
          <div class="notice" data-tone="bad">
            <p>{signIn.message}</p>
            {signIn.redirectUri !== undefined && (
              <CopyField label={texts.redirectUri} value={signIn.redirectUri} />
            )}
            <div class="actions">
              {signIn.needsClient && (
                <button type="button" onClick={onEnterClient}>
                  {texts.enterClientId}
                </button>
              )}
              <Dismiss connectorId={connectorId} label={texts.dismiss} />
            </div>
          </div>
        )}
      </div>
    </>
  );
}

function Waiting({ connectorId, url, blocked }: { connectorId: string; url: string | null; blocked: boolean }) {
  const { signIns } = useKeyway();
  // In a frame this tab belongs to somebody else, and sign-in pages refuse to be framed.
  const canLeave = window.top === window;
  return (
    <div class="notice" data-tone={blocked ? "attention" : "neutral"}>
      <p class={blocked ? "" : "busy"}>{blocked ? texts.signInBlocked : texts.signInWaiting}</p>
      <div class="actions">
        {url !== null && (
          <a class={blocked ? "button primary" : "button"} href={url} target={popupName(connectorId)}>
            <Icon name="external" />
            {blocked ? texts.openWindow : texts.signInAgainOpen}
          </a>
        )}
        {blocked && canLeave && (
          <button type="button" onClick={() => void signIns.beginHere(connectorId, returnAddress(connectorId))}>
            {texts.continueHere}
          </button>
        )}
        <Dismiss connectorId={connectorId} label={texts.signInStop} />
      </div>
    </div>
  );
}

function Dismiss({ connectorId, label }: { connectorId: string; label: string }) {
  const { signIns } = useKeyway();
  return (
    <button type="button" class="quiet" onClick={() => signIns.dismiss(connectorId)}>
      {label}
    </button>
  );
}

function returnAddress(connectorId: string): string {
  return `${location.origin}${location.pathname}${location.search}#sign-in=${connectorId}`;
}
