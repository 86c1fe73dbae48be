// Adding a connector: an address that is tried while it is typed, and what the server turns out to want.

import { useEffect, useState } from "preact/hooks";

import type { Connector } from "../api/types";
import { texts } from "../words";
import { ClientFields } from "./ClientFields";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { GrantFields } from "./GrantFields";
import { HeaderPairs } from "./HeaderPairs";
import { ErrorNotice } from "./Notice";
import { PresetGrid, RegistrationHelp } from "./PresetGrid";
import { ProbeResult } from "./ProbeResult";
import { useAddForm, wantsCredential } from "./useAddForm";

interface Props {
  onAdded: (connector: Connector) => void;
  onClose: () => void;
}

export function AddDialog({ onAdded, onClose }: Props) {
  const form = useAddForm(onAdded);
  return (
    <Dialog title={texts.addTitle} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          form.add();
        }}
      >
        <PresetGrid presets={form.presets} picked={form.preset} onPick={form.pick} />
        <Field
          label={texts.address}
          hint={texts.addressHint}
          type="text"
          inputMode="url"
          required
          data-first-focus
          value={form.typed}
          onText={form.setTyped}
        />
        <ProbeResult state={form.probe} />
        <RegistrationHelp preset={form.preset} />
        {!form.needsNobody && <Wants form={form} />}
        {wantsCredential(form.shown) && (
          <details class="key">
            <summary>{texts.withoutPerson}</summary>
            <div class="fields">
              <GrantFields entry={form.grant} onChange={form.setGrant} isEdit={false} />
            </div>
          </details>
        )}
        <Field label={texts.name} hint={texts.nameHint} value={form.name} onText={form.setName} />
        <ErrorNotice error={form.error} />
        <div class="dialog-foot">
          <button type="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <SubmitButton form={form} />
        </div>
      </form>
    </Dialog>
  );
}

type Form = ReturnType<typeof useAddForm>;

/** The fields that the server's answer calls for. */
function Wants({ form }: { form: Form }) {
  const outcome = form.shown?.outcome;
  const isKeyAsked = outcome === "token_needed" || outcome === "headers_rejected";
  const [isKeyOpen, setKeyOpen] = useState(false);
  useEffect(() => {
    if (isKeyAsked) setKeyOpen(true);
  }, [isKeyAsked]);

  if (outcome === "client_needed") {
    return (
      <ClientFields
        entry={form.client}
        onChange={form.setClient}
        redirectUri={form.shown?.oauth?.redirect_uri}
        isEdit={false}
      />
    );
  }
  return (
    <details class="key" open={isKeyOpen} onToggle={(event) => setKeyOpen(event.currentTarget.open)}>
      <summary>{texts.withKey}</summary>
      <HeaderPairs pairs={form.pairs} onChange={form.setPairs} least={1} />
      <p class="hint">{texts.headerHint}</p>
    </details>
  );
}

function SubmitButton({ form }: { form: Form }) {
  const failed = ["headers_rejected", "not_mcp", "unreachable"].includes(form.shown?.outcome ?? "");
  const label = form.isAdding
    ? texts.adding
    : form.signsIn
      ? texts.addAndSignIn
      : failed
        ? texts.addAnyway
        : texts.addPlain;
  const cannot = form.outcome === null || form.outcome === "blocked" || form.isAdding;
  return (
    <>
      {(failed || form.probe.step === "failed") && (
        <button type="button" onClick={form.checkAgain}>
          {texts.checkAgain}
        </button>
      )}
      <button type="submit" class={failed ? "" : "primary"} aria-disabled={cannot}>
        {label}
      </button>
    </>
  );
}
