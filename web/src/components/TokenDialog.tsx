// Making a personal token: what it is for, which connectors, until when. Then the token itself, once.

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Connector } from "../api/types";
import { useMakeToken } from "../state/tokens";
import { texts, TOKEN_LIVES } from "../words";
import { Choice } from "./Choice";
import { CopyField } from "./CopyField";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { ErrorNotice } from "./Notice";

const { tokens: words } = texts;

interface Props {
  connectors: Connector[];
  onClose: () => void;
}

export function TokenDialog({ connectors, onClose }: Props) {
  const make = useMakeToken();
  return (
    <Dialog title={make.data === undefined ? words.makeTitle : words.madeTitle} onClose={onClose}>
      {make.data === undefined ? (
        <Form connectors={connectors} make={make} onClose={onClose} />
      ) : (
        <Made token={make.data.token} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Form({ connectors, make, onClose }: Props & { make: ReturnType<typeof useMakeToken> }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [life, setLife] = useState<number | null>(TOKEN_LIVES[0].seconds);
  const [isIncomplete, setIncomplete] = useState(false);
  const toggle = (id: string) =>
    setChosen((ids) => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]));

  const submit = () => {
    setIncomplete(chosen.length === 0);
    if (chosen.length === 0 || make.isPending) return;
    make.mutate({ name, connectors: [...chosen], expires_in: life });
  };

  return (
    <form
      class="dialog-body"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Field label={words.name} hint={words.nameHint} required maxLength={100} data-first-focus value={name} onText={setName} />
      <fieldset>
        <legend>{words.connectors}</legend>
        {connectors.map(({ id, name }) => (
          <Choice key={id} type="checkbox" label={name} checked={chosen.includes(id)} onChoose={() => toggle(id)} />
        ))}
        <div class="notice-place" role="alert">
          {isIncomplete && chosen.length === 0 && (
            <p class="notice" data-tone="attention">
              {words.chooseOne}
            </p>
          )}
        </div>
      </fieldset>
      <fieldset>
        <legend>{words.ends}</legend>
        {TOKEN_LIVES.map(({ label, seconds }) => (
          <Choice key={label} type="radio" name="life" label={label} checked={life === seconds} onChoose={() => setLife(seconds)} />
        ))}
      </fieldset>
      <ErrorNotice error={make.error} />
      <div class="dialog-foot">
        <button type="button" onClick={onClose}>
          {texts.cancel}
        </button>
        <button type="submit" class="primary" aria-disabled={make.isPending}>
          {make.isPending ? words.making : words.make}
        </button>
      </div>
    </form>
  );
}

function Made({ token, onClose }: { token: string; onClose: () => void }) {
  const body = useRef<HTMLDivElement>(null);
  // The button that had the focus is gone.
  useLayoutEffect(() => body.current?.querySelector("input")?.focus(), []);
  return (
    <div ref={body} class="dialog-body">
      <p role="status">{words.madeBody}</p>
      <CopyField label={words.token} value={token} />
      <p class="hint">{words.madeHint}</p>
      <div class="dialog-foot">
        <button type="button" class="primary" onClick={onClose}>
          {words.done}
        </button>
      </div>
    </div>
  );
}
