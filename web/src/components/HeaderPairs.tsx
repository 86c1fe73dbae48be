// Headers being typed: a name and a value each.

import type { HeaderPair } from "../headers/headers";
import { texts } from "../words";
import { Field, SecretField } from "./Field";
import { Icon } from "./Icon";

interface Props {
  pairs: HeaderPair[];
  onChange: (pairs: HeaderPair[]) => void;
  /** The least number of pairs to keep on the page. */
  least: number;
}

export function HeaderPairs({ pairs, onChange, least }: Props) {
  const change = (index: number, part: Partial<HeaderPair>) =>
    onChange(pairs.map((pair, at) => (at === index ? { ...pair, ...part } : pair)));
  return (
    <>
      {pairs.map((pair, index) => (
        <div class="header-pair" key={index}>
          <Field label={texts.headerName} value={pair.name} onText={(name) => change(index, { name })} />
          <SecretField label={texts.headerValue} value={pair.value} onText={(value) => change(index, { value })} />
          {pairs.length > least && (
            <button
              type="button"
              class="quiet square"
              aria-label={texts.headerRemove(pair.name)}
              onClick={() => onChange(pairs.filter((_, at) => at !== index))}
            >
              <Icon name="close" />
            </button>
          )}
        </div>
      ))}
      <div>
        <button type="button" class="quiet" onClick={() => onChange([...pairs, { name: "", value: "" }])}>
          <Icon name="plus" />
          {texts.headerAdd}
        </button>
      </div>
    </>
  );
}
